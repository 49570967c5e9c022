import { describe, expect, it } from 'vitest';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import { LogCorruptError } from '../../src/log/log-corrupt-error.js';
import { LogFileVersionError } from '../../src/log/log-file.js';
import { LogFileReader, readLogFile } from '../../src/log/log-file-reader.js';
import { LogFileWriter } from '../../src/log/log-file-writer.js';
import type { LogRecord } from '../../src/log/log-record.js';

const spec: MachineSpec = {
  memoryMiB: 64,
  vgaMemoryMiB: 2,
  nic: null,
  boot: { bios: null, vgaBios: null, kernel: null, initrd: null, commandLine: '' },
  drives: [{ name: 'hda', path: '/vm/disk', bytes: 512 }],
  acpi: false,
  jit: true,
  chanceSeed: 1,
  wallClockAtStartMs: 0,
};
const digestAt = (epoch: number) => ({
  epoch,
  instructions: epoch * 100_003,
  registers: [0, 1, 2, 3, 4, 5, 6, 7],
  instructionPointer: 1,
  flags: 2,
  processorHash: 0,
  memoryHash: 3,
});
const records: LogRecord[] = [1, 2, 3].map((epoch) => ({
  epoch,
  clockMs: epoch * 1.5,
  events: [],
  rounds: 1,
  cut: false,
  before: digestAt(epoch - 1),
}));

/** A run of three epochs; the middle one writes to the console. */
function writeFile(): { head: Uint8Array; frames: Uint8Array[]; end: Uint8Array } {
  const writer = new LogFileWriter();
  const head = writer.head({ spec, build: { node: 'v20' }, createdAtMs: 7 });
  const frames = records.map((record) => {
    const bytes = Uint8Array.of(0x68, 0x69);
    const said = { kind: 'consoleBytes' as const, bytes, offset: 0 };
    const frame = writer.record(record);
    writer.ran(record.epoch === 2 ? [said] : [], digestAt(record.epoch));
    return frame;
  });
  return { head, frames, end: writer.end() };
}

const { head, frames, end } = writeFile();
const whole = Buffer.concat([head, ...frames, end]);

describe('a log file', () => {
  it('gives back what was written', () => {
    const file = readLogFile(whole);
    expect(file.header).toMatchObject({ spec, build: { node: 'v20' } });
    expect(file.header.fingerprint['drives']).toBe('hda:512');
    expect(file.records).toEqual(records);
    expect(file.damage).toBeNull();
    expect(file.end).toMatchObject({
      recordCount: 3,
      lastEpoch: 3,
      finalDigest: digestAt(3),
      crashedAt: null,
    });
    expect(file.end?.sums).toMatchObject({ consoleBytes: 2, outputs: 1 });
  });

  it('can be read a byte at a time', () => {
    const reader = new LogFileReader();
    const read = [...whole].flatMap((byte) => reader.push(Uint8Array.of(byte)));
    reader.finish();
    expect(read).toEqual(records);
    expect(reader.end?.recordCount).toBe(3);
  });

  it('that was cut short says how many records are whole, and gives them', () => {
    const cut = whole.subarray(0, head.byteLength + frames[0]!.byteLength + 5);
    const file = readLogFile(cut);
    expect(file.records).toEqual(records.slice(0, 1));
    expect(file.end).toBeNull();
    expect(file.damage).toBeInstanceOf(LogCorruptError);
    expect(file.damage?.message).toMatch(/after 1 whole records.*in the middle of the next/);
  });

  it('with any single bit flipped is found out, and keeps the records in front of it', () => {
    for (let byte = head.byteLength; byte < whole.byteLength; byte++) {
      const damaged = Uint8Array.from(whole);
      damaged[byte]! ^= 1 << (byte & 7);
      const file = readLogFile(damaged);
      expect(file.damage).toBeInstanceOf(LogCorruptError);
      expect(file.records).toEqual(records.slice(0, file.records.length));
    }
  });

  it('with a damaged header is refused: nothing can be done with it', () => {
    for (let byte = 0; byte < head.byteLength; byte++) {
      const damaged = Uint8Array.from(whole);
      damaged[byte]! ^= 0x10;
      expect(() => readLogFile(damaged)).toThrow(/log file|checksum|frame/);
    }
    expect(() => readLogFile(whole.subarray(0, 20))).toThrow(LogCorruptError);
    expect(() => readLogFile(new TextEncoder().encode('#!/bin/sh\n'))).toThrow(/not a log file/);
  });

  it('of another version is refused by number', () => {
    const other = Uint8Array.from(whole);
    other[8] = 99;
    expect(() => readLogFile(other)).toThrow(LogFileVersionError);
    expect(() => readLogFile(other)).toThrow(/version 99/);
  });
});
