import { expect, it } from 'vitest';
import { createV86Vcpu } from '../../dist/vcpu/v86-vcpu.js';
import { LiveGuest } from './live-guest.js';
import { replayGuest } from './replayed-guest.js';
import { codeAddress, tinyKernel, tinySpec } from './tiny-kernel.js';

const hex32 = (value: number): string => Buffer.from(Int32Array.of(value).buffer).toString('hex');

const tripleFault = tinyKernel(`
  ba f8030000              ; mov edx, 3f8
  b0 21  ee                ; mov al, '!' ; out dx, al
  b9 00001000              ; mov ecx, 100000: some ten epochs
  e2 fe                    ; loop to itself
  0f011d ${hex32(codeAddress + 0x20)}  ; lidt
  cc                       ; int3
  000000000000000000       ; to 20
  5f00 ${hex32(codeAddress + 0x26)}    ; 12 gates follow
  ${'00000800000e0000'.repeat(12)}     ; none of them present, nor the one for that fault
`);

const wildJump = tinyKernel('e9 00000040'); // jmp 1 GiB ahead, where there is no memory.

async function crashLive(kernel: Uint8Array): Promise<LiveGuest> {
  const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };
  const guest = await LiveGuest.start(tinySpec(kernel), null, { bootFiles });
  await guest.until(() => guest.crash !== null, 'a crash');
  await guest.close();
  return guest;
}

it.each([
  ['a triple fault', tripleFault],
  ['execution outside memory', wildJump],
])('ends %s as a crash of the guest, at the same epoch on a replica', async (_what, kernel) => {
  const guest = await crashLive(kernel);
  expect(guest.failure).toBeNull();
  const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };
  const events = await replayGuest(guest.spec, guest.records, { bootFiles });
  expect(events.at(-1)).toEqual(guest.crash);
  const ran = events.filter((event) => event.kind === 'ran');
  expect(ran.map(({ after }) => after)).toEqual(guest.ran.map(({ after }) => after));
});

it('says in plain words what a triple fault is', async () => {
  const guest = await crashLive(tripleFault);
  expect(guest.crash?.reason).toMatch(/^triple fault/);
  expect(guest.crash?.epoch).toBeGreaterThan(5);
});

it('rejects when a boot file is missing', async () => {
  const spec = tinySpec(tripleFault);
  const noEvent = (): void => expect.unreachable();
  await expect(createV86Vcpu({ spec }, noEvent, noEvent)).rejects.toThrow(/ENOENT/);
});
