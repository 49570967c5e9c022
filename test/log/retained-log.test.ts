import { expect, it } from 'vitest';
import { recordBytes } from '../../src/log/log-record.js';
import { RetainedLog } from '../../src/log/retained-log.js';
import { recordOf } from '../role/settings.js';

const oneBytes = recordBytes(recordOf(1));
const epochsOf = (log: RetainedLog): number[] => log.all.map(({ epoch }) => epoch);

it('keeps the newest records that fit', () => {
  const log = new RetainedLog(3 * oneBytes);
  for (let epoch = 1; epoch <= 500; epoch += 1) log.append(recordOf(epoch));
  expect(epochsOf(log)).toEqual([498, 499, 500]);
  expect(log.from(499).map(({ epoch }) => epoch)).toEqual([499, 500]);
  expect(log.from(501)).toEqual([]);
  expect(log.at(498)?.epoch).toBe(498);
});

it('has nothing of before and nothing of after', () => {
  const log = new RetainedLog(3 * oneBytes, [recordOf(7), recordOf(8)]);
  expect([log.at(6), log.at(9)]).toEqual([undefined, undefined]);
  expect(log.from(6)).toEqual([]);
});

it('keeps no record that is too large, and goes on behind it', () => {
  const log = new RetainedLog(3 * oneBytes, [recordOf(1)]);
  log.append(recordOf(2, [{ kind: 'consoleInput', bytes: new Uint8Array(4 * oneBytes) }]));
  expect(epochsOf(log)).toEqual([]);
  log.append(recordOf(3));
  expect(epochsOf(log)).toEqual([3]);
});

it('keeps no more of small records than memory is for', () => {
  const log = new RetainedLog(Number.POSITIVE_INFINITY);
  for (let epoch = 1; epoch <= 20_000; epoch += 1) log.append(recordOf(epoch));
  expect(log.all).toHaveLength(16_384);
  expect(log.all.at(0)?.epoch).toBe(20_000 - 16_384 + 1);
});
