import { expect, it } from 'vitest';
import { decodeBatchHeader, encodeBatch } from '../../src/disk/layer-batch.js';
import { LayerCorruptError } from '../../src/disk/layer-error.js';
import { decodeLayerHead, encodeLayerHead, type LayerHead } from '../../src/disk/layer-head.js';
import { Prng } from '../../src/sim/prng.js';

const head: LayerHead = {
  number: 7,
  generation: 3,
  writer: 'a1b2c3d4',
  nonce: 0xdeadbeef,
  below: [
    { name: 'merged-2-1f', bytes: 1024 },
    { name: 'layer-6', bytes: 2 ** 40 },
  ],
  image: 'still',
};
const place = { nonce: 9, sequence: 2, crcBefore: 77 };
// Beyond 2 TiB, where 32 bits of sectors end.
const writes = [
  { sector: 5, data: new Uint8Array(1024).fill(1) },
  { sector: 2 ** 40 + 3, data: new Uint8Array(512).fill(2) },
];

it('a head comes back as it was, and stands on whole sectors', () => {
  const bytes = encodeLayerHead(head);
  expect(bytes.length % 512).toBe(0);
  expect(decodeLayerHead('x', bytes)).toEqual({ head, headBytes: bytes.length });
});

it('a batch comes back with its places, and only at its place', () => {
  const { bytes, header } = encodeBatch(writes, place);
  expect(decodeBatchHeader(bytes, place)).toEqual(header);
  expect(header.entries).toEqual([
    { sector: 5, sectors: 2 },
    { sector: 2 ** 40 + 3, sectors: 1 },
  ]);
  for (const other of [{ nonce: 8 }, { sequence: 3 }, { crcBefore: 0 }]) {
    expect(decodeBatchHeader(bytes, { ...place, ...other })).toBeNull();
  }
});

it('any byte that is changed or missing is noticed, and nothing else is thrown', () => {
  const good = encodeLayerHead(head);
  const batch = encodeBatch(writes, place);
  const prng = new Prng(3, 'damage');
  for (let i = 0; i < 5000; i += 1) {
    const bytes = good.slice(0, prng.chance(0.3) ? prng.whole(0, good.length) : good.length);
    const at = prng.whole(0, 160);
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ prng.whole(1, 255);
    else if (bytes.length === good.length) continue;
    expect(() => decodeLayerHead('x', bytes)).toThrow(LayerCorruptError);

    const header = batch.bytes.slice(0, batch.header.headerBytes);
    const place2 = prng.whole(0, header.length - 1);
    header[place2] = (header[place2] ?? 0) ^ prng.whole(1, 255);
    expect(decodeBatchHeader(header, place)).toBeNull();
    const noise = Uint8Array.from({ length: prng.whole(0, 600) }, () => prng.whole(0, 255));
    expect(decodeBatchHeader(noise, place)).toBeNull();
    expect(() => decodeLayerHead('x', noise)).toThrow(LayerCorruptError);
  }
});

it.each([
  ['no list below', { ...head, below: 'layer-6' }],
  ['a path below', { ...head, below: [{ name: '../vm.json', bytes: 1 }] }],
  ['a length that is no length', { ...head, below: [{ name: 'layer-6', bytes: -1 }] }],
  ['an unknown image', { ...head, image: 'gone' }],
  ['nothing', null],
])('a head that says %s is refused', (_, wrong) => {
  const bytes = encodeLayerHead(wrong as LayerHead);
  expect(() => decodeLayerHead('x', bytes)).toThrow(LayerCorruptError);
});
