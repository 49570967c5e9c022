import { expect, it } from 'vitest';
import { fitsDisks } from '../../src/hypervisor/boot-template.js';
import { TemplateMaker } from '../../src/hypervisor/template-maker.js';
import { nodeDigest } from '../../src/node/node-digest.js';
import { NodeClock } from '../../src/node/node-clock.js';
import { bytesOf } from '../role/settings.js';
import { ToyVcpu } from './toy-vcpu.js';

/** A drive of 4 KiB that says what it is asked for. */
function disk(text: string) {
  const bytes = new Uint8Array(4096);
  bytes.set(new TextEncoder().encode(text), 3 * 512);
  return {
    bytes,
    byteLength: bytes.byteLength,
    read: (at: number, length: number) => Promise.resolve(bytes.slice(at, at + length)),
    write: () => Promise.reject(new Error('nobody writes to it')),
    close: () => Promise.resolve(),
  };
}

async function make(lines: readonly string[], hda = disk('before')) {
  let toy: ToyVcpu | null = null;
  const disks = new Map([['hda', hda]]);
  const maker = new TemplateMaker({
    createVcpu: (snapshot, { event }) => Promise.resolve((toy = new ToyVcpu(snapshot, event))),
    disks,
    clock: new NodeClock(),
    digest: nodeDigest,
    ready: 'copy me',
    timeoutMs: 60_000,
  });
  let isOver = false;
  const made = maker.make().finally(() => (isOver = true));
  made.catch(() => undefined);
  const typed = lines.map((line) => ({ kind: 'consoleInput' as const, bytes: bytesOf(line) }));
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    const next = typed.shift();
    if (next) toy!.inject(next);
    toy!.step();
  }
  return { template: await made, disks, toy: toy! };
}

it('stops the guest where it says so, with what it wrote, in order, and nothing written', async () => {
  const { template, toy } = await make(['write 3 one', 'write 3 two', 'copy me', 'later']);
  expect(template.writes.map(({ data }) => new TextDecoder().decode(data))).toEqual(['one', 'two']);
  expect(template.snapshot).toMatchObject({ epoch: 1, consoleOffset: 0, lastRequestId: 0 });
  expect(toy.isClosed).toBe(true);
});

it('shows the guest what it wrote itself, on top of the disk', async () => {
  const { toy } = await make(['write 3 mine', 'read 3', 'copy me']);
  const completed = toy.ran.flatMap(({ events }) => events);
  const data = completed.flatMap((event) =>
    event.kind === 'diskCompleted' && event.result.kind === 'read' ? [event.result.data] : [],
  );
  expect(new TextDecoder().decode(data[0]).replaceAll('\0', '')).toBe('minere');
});

it('fits disks on which the guest would read the same, and no others', async () => {
  const { template, disks } = await make(['read 3', 'write 3 other', 'copy me']);
  expect(await fitsDisks(template, disks, nodeDigest)).toBe(true);
  // Not read, so not known.
  disks.get('hda')!.bytes[0] = 1;
  expect(await fitsDisks(template, disks, nodeDigest)).toBe(true);
  disks.get('hda')!.bytes[3 * 512] = 1;
  expect(await fitsDisks(template, disks, nodeDigest)).toBe(false);
  expect(await fitsDisks(template, new Map(), nodeDigest)).toBe(false);
});

it.each([
  ['ends', 'off', /it ended before/],
  ['crashes', 'crash', /it crashed: triple fault/],
  ['sends a frame', 'frame x', /used its network card/],
])('makes none of a guest that %s', async (_what, line, why) => {
  await expect(make([line])).rejects.toThrow(why);
});
