import { expect, it } from 'vitest';
import type { BootTemplate } from '../../src/hypervisor/boot-template.js';
import { decodeTemplate, encodeTemplate } from '../../src/hypervisor/template-codec.js';
import { nodeDigest } from '../../src/node/node-digest.js';

const template: BootTemplate = {
  snapshot: {
    epoch: 0,
    clockMs: 812.25,
    instructions: 0,
    consoleOffset: 0,
    lastRequestId: 0,
    wallClockAtStartMs: -1_700_000_000_000,
    chanceState: -5,
    uartInput: Uint8Array.of(10),
    isPaused: false,
    state: Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff),
  },
  writes: [
    { kind: 'diskWrite', id: 3, drive: 'hda', offsetBytes: 512, data: new Uint8Array(512).fill(7) },
  ],
  reads: [{ kind: 'diskRead', id: 1, drive: 'hda', offsetBytes: 0, lengthBytes: 1024 }],
  readsDigest: new Uint8Array(32).fill(9),
};

it('reads back what it wrote', async () => {
  const bytes = await encodeTemplate('machine', template, nodeDigest);
  expect(await decodeTemplate('machine', bytes, nodeDigest)).toEqual(template);
});

it('refuses one in which any byte is another', async () => {
  const bytes = await encodeTemplate('machine', template, nodeDigest);
  for (const at of [0, 8, 39, 40, 44, 100, bytes.byteLength - 1]) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(decodeTemplate('machine', damaged, nodeDigest)).rejects.toThrow(
      /checksum|does not begin/,
    );
  }
});

it('refuses one that is cut short, and one of another machine', async () => {
  const bytes = await encodeTemplate('machine', template, nodeDigest);
  for (const length of [0, 20, 43, 44, 500, bytes.byteLength - 1]) {
    await expect(decodeTemplate('machine', bytes.slice(0, length), nodeDigest)).rejects.toThrow();
  }
  await expect(decodeTemplate('another', bytes, nodeDigest)).rejects.toThrow(/another machine/);
});
