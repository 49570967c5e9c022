import { expect, it } from 'vitest';
import { LogBuffer } from '../../src/log/log-buffer.js';
import { recordBytes, type LogRecord } from '../../src/log/log-record.js';

const recordOf = (epoch: number, inputBytes = 0): LogRecord => ({
  epoch,
  clockMs: epoch,
  events: inputBytes === 0 ? [] : [{ kind: 'consoleInput', bytes: new Uint8Array(inputBytes) }],
  rounds: 1,
  cut: false,
  before: null,
});
const epochs = (records: readonly LogRecord[]) => records.map(({ epoch }) => epoch);

function bufferOf(count: number, bytesMax = 1_000_000): LogBuffer {
  const buffer = new LogBuffer(bytesMax);
  for (let epoch = 1; epoch <= count; epoch += 1) buffer.append(recordOf(epoch));
  return buffer;
}

it('gives back what was appended, from any place', () => {
  const buffer = bufferOf(5);
  expect(epochs(buffer.from(1, Infinity))).toEqual([1, 2, 3, 4, 5]);
  expect(epochs(buffer.from(4, Infinity))).toEqual([4, 5]);
  expect(buffer.from(6, Infinity)).toEqual([]);
});

it('gives as much as fits, and at least one', () => {
  const buffer = bufferOf(5);
  expect(epochs(buffer.from(2, 0))).toEqual([2]);
  expect(epochs(buffer.from(2, 2 * recordBytes(recordOf(1))))).toEqual([2, 3]);
});

it('forgets up to an epoch, and again, and beyond its end', () => {
  const buffer = bufferOf(5);
  buffer.dropThrough(3);
  buffer.dropThrough(2);
  expect(epochs(buffer.from(1, Infinity))).toEqual([4, 5]);
  buffer.dropThrough(99);
  expect(buffer.from(1, Infinity)).toEqual([]);
  expect(buffer.levelBytes).toBe(0);
});

it('starts anywhere, also after it was empty', () => {
  const buffer = bufferOf(3);
  buffer.dropThrough(3);
  buffer.append(recordOf(10));
  expect(epochs(buffer.from(10, Infinity))).toEqual([10]);
});

it('holds thousands that come and go, one by one', () => {
  const buffer = new LogBuffer(1_000_000);
  for (let epoch = 1; epoch <= 5000; epoch += 1) {
    buffer.append(recordOf(epoch));
    buffer.dropThrough(epoch - 10);
    expect(buffer.from(epoch, Infinity)).toHaveLength(1);
  }
  expect(epochs(buffer.from(1, Infinity))).toHaveLength(10);
});

it('takes a gap for the bug it is', () => {
  const buffer = bufferOf(3);
  expect(() => buffer.append(recordOf(5))).toThrow('epoch 5 in the log after epoch 3');
  expect(() => buffer.append(recordOf(3))).toThrow('bug');
});

it('is full at its limit, and has room again with a quarter free', () => {
  const each = recordBytes(recordOf(1));
  const buffer = bufferOf(3, 4 * each);
  expect(buffer.isFull).toBe(false);
  buffer.append(recordOf(4));
  expect([buffer.isFull, buffer.hasRoom]).toEqual([true, false]);
  buffer.dropThrough(1);
  expect([buffer.isFull, buffer.hasRoom]).toEqual([false, true]);
});

it('counts what comes in with a record', () => {
  const buffer = new LogBuffer(1000);
  buffer.append(recordOf(1, 1000));
  expect(buffer.isFull).toBe(true);
});
