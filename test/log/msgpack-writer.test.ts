import { unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { MsgpackWriter } from '../../src/log/msgpack-writer.js';

const read = (writer: MsgpackWriter): unknown => unpack(writer.written);

describe('what is written as msgpack', () => {
  const borders = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 2 ** 31, 2 ** 32 - 1];
  const others = [2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER, 1234.000321, -1, -2.5];

  it.each([...borders, ...others])('is read as the number %d', (number) => {
    expect(read(new MsgpackWriter(9).number(number))).toBe(number);
  });

  it.each([0, 1, 255, 256, 65_535, 65_536])('is read as %d bytes', (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i);
    expect(Uint8Array.from(read(new MsgpackWriter(0).bytes(bytes)) as Uint8Array)).toEqual(bytes);
  });

  it.each([0, 15, 16, 70_000])('is read as a list of %d', (length) => {
    const writer = new MsgpackWriter(0).list(length);
    for (let i = 0; i < length; i += 1) writer.flag(i % 2 === 0);
    expect(read(writer)).toEqual(Array.from({ length }, (_, i) => i % 2 === 0));
  });

  it('is read as a map, nothing and what is nested included', () => {
    const writer = new MsgpackWriter(0, 4);
    writer.map(2).key('empty').nothing().key('inner');
    writer.nested(() => writer.list(2).number(7).bytes(new Uint8Array(300)));
    const map = unpack(writer.written.subarray(4)) as { empty: null; inner: Uint8Array };
    expect(map.empty).toBeNull();
    expect(unpack(map.inner)).toEqual([7, new Uint8Array(300)]);
  });
});

it('takes no more room than it was told of, if that is enough', () => {
  const writer = new MsgpackWriter(1003);
  writer.bytes(new Uint8Array(1000));
  expect(writer.written.buffer.byteLength).toBe(1003);
});
