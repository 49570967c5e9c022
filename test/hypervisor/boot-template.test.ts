import { expect, it } from 'vitest';
import { fingerprintFields, type MachineSpec } from '../../src/guest/machine-spec.js';
import { templateSpec, warmStartOf } from '../../src/hypervisor/boot-template.js';

const spec: MachineSpec = {
  memoryMiB: 64,
  vgaMemoryMiB: 2,
  nic: { model: 'virtio', mac: '52:54:00:12:34:56' },
  boot: { bios: null, vgaBios: null, kernel: null, initrd: null, commandLine: 'quiet' },
  drives: [],
  acpi: false,
  jit: true,
  chanceSeed: 0xffff_fffe,
  wallClockAtStartMs: 5,
};
const rules = { argument: 'template=1', ready: 'copy me' };

it('makes a template with nothing in it by which two VMs of the same make differ', () => {
  const nobody = { chanceSeed: 1, wallClockMs: 2 };
  const other: MachineSpec = {
    ...spec,
    nic: { model: 'virtio', mac: '52:54:00:65:43:21' },
    chanceSeed: 77,
    wallClockAtStartMs: 6,
  };
  const [one, two] = [spec, other].map((each) => templateSpec(each, rules, nobody));
  expect(fingerprintFields(one!)).toEqual(fingerprintFields(two!));
  expect(one?.boot.commandLine).toBe('quiet template=1');
});

it('tells a guest that starts from it the time, its address and random numbers of its own', () => {
  const snapshot = {
    ...{ epoch: 0, clockMs: 9, instructions: 0, consoleOffset: 0, lastRequestId: 0 },
    wallClockAtStartMs: 3,
    ...{ chanceState: 1, uartInput: new Uint8Array(), isPaused: false, state: new Uint8Array() },
  };
  const template = { snapshot, writes: [], reads: [], readsDigest: new Uint8Array() };
  const own = { wallClockMs: 1_700_000_000_999, randomBytes: Uint8Array.of(1, 0xab) };
  const start = warmStartOf(template, spec, own);
  const line = new TextDecoder().decode(start.greeting.bytes);
  expect(line).toBe('1700000000 52:54:00:12:34:56 01ab\n');
  expect(start.snapshot).toEqual({
    ...snapshot,
    wallClockAtStartMs: spec.wallClockAtStartMs,
    chanceState: -2,
  });
  const without = warmStartOf(template, { ...spec, nic: null }, own);
  expect(new TextDecoder().decode(without.greeting.bytes)).toBe('1700000000 - 01ab\n');
});
