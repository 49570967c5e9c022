import { expect, it } from 'vitest';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import { LiveGuest } from './live-guest.js';
import { MemoryDisk } from './memory-disk.js';
import { replayGuest } from './replayed-guest.js';
import { tinyKernel, tinySpec } from './tiny-kernel.js';

async function start(
  code: string,
  changes: Partial<MachineSpec> = {},
  from: { snapshot?: Snapshot } = {},
): Promise<LiveGuest> {
  const kernel = tinyKernel(code);
  const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };
  return LiveGuest.start({ ...tinySpec(kernel), ...changes }, null, { bootFiles, ...from });
}

it('keeps a flag that nobody has looked at, and the MXCSR, across cuts', async () => {
  // An epoch can end after any STMXCSR, and so between a comparison and its use.
  const code = `
    c705 00002000 807f0000   ; mov dword [200000], 7f80: round towards zero
    0fae15 00002000          ; ldmxcsr [200000]
    0fae1d 04002000          ; again: stmxcsr [200004]
    a1 04002000              ; mov eax, [200004]
    3b05 00002000            ; cmp eax, [200000]
    75 10                    ; jne wrong
    3d 01000000              ; cmp eax, 1
    0fae1d 04002000          ; stmxcsr [200004]
    74 02                    ; je wrong
    eb dc                    ; jmp again
    ba f8030000 b0 78 ee     ; wrong: 'x' to the console
    f4                       ; hlt, for good
    `;
  const guest = await start(code, { jit: false });
  const instructionPointers = new Set<number>();
  // Often enough that it is cut at more than one place in the loop.
  for (let cut = 0; cut < 6 || (instructionPointers.size < 2 && cut < 60); cut++) {
    const snapshot = await guest.cut();
    const { epoch } = snapshot;
    const copy = await start(code, { jit: false }, { snapshot });
    await copy.until(() => copy.ran.length > 0, 'an epoch of the copy');
    await copy.close();
    expect(copy.console).toBe('');
    const after = guest.ran.find((ran) => ran.epoch === epoch)!.after;
    instructionPointers.add(after.instructionPointer);
  }
  await guest.close();
  expect(instructionPointers.size).toBeGreaterThan(1);
});

it.each([
  ['the keyboard controller', 'b0 fe e6 64 eb fe'], // mov al, fe; out 64, al; stay
  ['the PCI reset register', 'ba f90c0000 b0 02 ee b0 06 ee eb fe'], // 2, then 6 to cf9
])('reboots a guest that resets itself by %s', async (_what, code) => {
  const guest = await start(code);
  await guest.until(() => (guest.outputKinds.get('reboot') ?? 0) >= 2, 'two reboots');
  await guest.close();
  const epochs = guest.ran.filter(({ outputs }) => outputs.some(({ kind }) => kind === 'reboot'));
  // It resets itself with its first instructions, and has no further ones until the epoch ends.
  for (const { after } of epochs.slice(1)) {
    const before = guest.ran.find(({ epoch }) => epoch === after.epoch - 1)!.after;
    expect(after.instructions - before.instructions).toBeLessThan(10);
  }
});

it('is off when the guest asks ACPI for it', async () => {
  const code = 'ba 04b00000 b8 00200000 66ef eb fe'; // mov edx, b004; mov eax, 2000; out dx, ax
  const guest = await start(code, { acpi: true });
  await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
  await guest.close();
});

it('gives keys to the guest, the same on a replica', async () => {
  const guest = await start(`
    b0 ae e6 64              ; enable the keyboard
    b0 f4 e6 60              ; and its scanning
    e4 64 a8 01 74 fa        ; wait for a byte
    e4 60                    ; take it
    ba f8030000 ee           ; to the console
    eb f0                    ; the next
  `);
  await guest.until(() => guest.console.length > 0, 'the acknowledgement of the keyboard');
  guest.vcpu.inject({ kind: 'keysPressed', scancodes: Uint8Array.of(0x1e, 0x9e) });
  await guest.until(() => guest.console.endsWith('\x1e\x9e'), 'the key');
  await guest.close();
  const kernel = guest.spec.boot.kernel!.file.bytes;
  expect(kernel).toBeGreaterThan(0);
});

it('draws the same chance on a replica, and another for another seed', async () => {
  // rdrand eax; mov ecx, 4; next: mov dx, 3f8; out dx, al; shr eax, 8; loop next; hlt
  const code = '0fc7f0 b9 04000000 ba f8030000 ee c1e808 e2 f5 f4';
  const draw = async (chanceSeed: number): Promise<LiveGuest> => {
    const guest = await start(code, { chanceSeed });
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    await guest.close();
    return guest;
  };
  const [one, two] = [await draw(1), await draw(2)];
  expect(one.console).toHaveLength(4);
  expect(one.console).not.toBe(two.console);
  const bootFiles = { bios: null, vgaBios: null, kernel: tinyKernel(code), initrd: null };
  const events = await replayGuest(one.spec, one.records, { bootFiles });
  expect(events).toEqual(one.ran);
});

it.each([
  ['says when its writes are on the disk', [], 'P'],
  ['fails when one of them did', [{ start: 0, end: 512, kinds: ['diskWrite' as const] }], 'Q'],
])('FLUSH CACHE after a PIO write %s', async (_what, badRanges, status) => {
  const code = `
    ba f6010000 b0 e0 ee     ; the first drive, by sector number
    ba f2010000 b0 01 ee     ; one sector
    b0 00                    ; sector 0
    ba f3010000 ee
    ba f4010000 ee
    ba f5010000 ee
    ba f7010000 b0 30 ee     ; WRITE SECTORS
    ba f0010000              ; 256 words of it
    b9 00010000
    66 ef                    ; out dx, ax
    e2 fc                    ; loop
    ba f8030000 b0 77 ee     ; 'w': v86 says that it is done
    ba f7010000 b0 e7 ee     ; FLUSH CACHE
    ec a8 80 75 fb           ; until it is not busy
    ba f8030000 ee           ; its status to the console: ready is 50, 'P'; an error 51, 'Q'
    f4                       ; hlt, for good
    `;
  const spec = { drives: [{ name: 'hda' as const, path: '', bytes: 1024 * 1024 }] };
  const disk = new MemoryDisk(new Uint8Array(1024 * 1024), 0);
  disk.badRanges = badRanges;
  let endWrite = (): void => undefined;
  const perform = disk.perform.bind(disk);
  disk.perform = (request, done) => {
    endWrite = () => perform(request, done);
  };
  const kernel = tinyKernel(code);
  const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };
  const guest = await LiveGuest.start({ ...tinySpec(kernel), ...spec }, disk, { bootFiles });
  await guest.waitFor(/w/);
  // It polls on, and is told nothing.
  const epochs = guest.ran.length;
  await guest.until(() => guest.ran.length > epochs + 20, 'twenty epochs');
  expect(guest.console).toBe('w');
  endWrite();
  await guest.waitFor(/[PQ]/);
  expect(guest.console).toBe(`w${status}`);
  await guest.close();
  await replayGuest(guest.spec, guest.records, { bootFiles });
});
