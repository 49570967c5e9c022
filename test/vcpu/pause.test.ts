import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/guest/snapshot.js';
import { LiveGuest } from './live-guest.js';
import { replayGuest } from './replayed-guest.js';
import { tinyKernel, tinySpec } from './tiny-kernel.js';

// again: in al, dx (3fd); test al, 1; jz again; read it at 3f8 and write it back there; jmp again
const echo = 'ba fd030000 ec a8 01 74 f6 ba f8030000 ec ee eb ed';
const kernel = tinyKernel(echo);
const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };

const start = (snapshot?: Snapshot): Promise<LiveGuest> =>
  LiveGuest.start(tinySpec(kernel), null, { bootFiles, ...(snapshot && { snapshot }) });

/** Its epochs until the pause is in a record. */
async function paused(guest: LiveGuest): Promise<number> {
  const isPause = (): boolean =>
    guest.records.some(({ events }) => events.some(({ kind }) => kind === 'pausePressed'));
  guest.vcpu.inject({ kind: 'pausePressed' });
  await guest.until(() => isPause() && guest.ran.length === guest.records.length, 'the pause');
  return guest.records.length;
}

/** Whatever the vCPU was told before, it has dealt with when a cut comes back. */
async function settled(guest: LiveGuest): Promise<Snapshot> {
  return guest.cut();
}

describe('a guest that the operator has paused', () => {
  it('runs no instruction, takes no input and has no time until it is resumed', async () => {
    const guest = await start();
    guest.type('a');
    await guest.waitFor(/a/);
    const epochs = await paused(guest);
    const before = guest.ran.at(-1)!.after;
    guest.type('b');
    const { isPaused, clockMs, instructions } = await settled(guest);
    expect(isPaused).toBe(true);
    expect(instructions).toBe(before.instructions);
    expect(guest.console).toBe('a\n');
    // The cut is all that happened, at the time of the pause.
    expect(guest.records.length).toBe(epochs + 1);
    expect(clockMs).toBe(guest.records[epochs - 1]!.clockMs);

    guest.vcpu.inject({ kind: 'resumePressed' });
    await guest.waitFor(/b/);
    await guest.close();
    const clocks = guest.records.map((record) => record.clockMs);
    expect(clocks).toEqual([...clocks].sort((a, b) => a - b));
    const replayed = await replayGuest(guest.spec, guest.records.slice(0, guest.ran.length), {
      bootFiles,
    });
    expect(replayed.filter(({ kind }) => kind === 'ran')).toEqual(guest.ran);
  });

  it('stays paused on a replica that goes live', async () => {
    const guest = await start();
    guest.type('a');
    await guest.waitFor(/a/);
    await paused(guest);
    const records = guest.records.slice();
    await guest.close();

    const other = await LiveGuest.start(guest.spec, null, { bootFiles, replay: records });
    await other.until(() => other.isLive, 'going live');
    other.type('b');
    const snapshot = await settled(other);
    expect(snapshot.isPaused).toBe(true);
    expect(other.console).toBe('a\n');
    await other.close();

    const third = await start(snapshot);
    third.type('c');
    expect((await settled(third)).isPaused).toBe(true);
    expect(third.console).toBe('');
    third.vcpu.inject({ kind: 'resumePressed' });
    await third.waitFor(/b\nc/);
    await third.close();
  });

  it('can be reset, and is still paused; its power can be cut', async () => {
    const guest = await start();
    await paused(guest);
    guest.vcpu.inject({ kind: 'resetPressed' });
    await guest.until(() => guest.outputKinds.get('reboot') === 1, 'the reset');
    guest.type('a');
    expect((await settled(guest)).isPaused).toBe(true);
    guest.vcpu.inject({ kind: 'powerPressed' });
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    await guest.close();
    expect(guest.console).toBe('');
  });
});

describe('the power button', () => {
  it('tells a guest that has asked to be told, by its interrupt and its status', async () => {
    const listening = tinyKernel(`
      ba 02b00000 66b8 0001 66ef  ; PM1 enable: the power button
      b0 0a e6 a0                 ; the second interrupt controller shows its requests
      e4 a0 a8 02 74 fa           ; wait for interrupt 9
      ba 00b00000 66ed f6c4 01    ; PM1 status: was it the button?
      74 ee                       ; no: wait on
      ba f8030000 b0 62 ee        ; 'b' to the console
      ba 00b00000 66b8 0001 66ef  ; status: taken note of
      ba 04b00000 66b8 0020 66ef  ; control: off
      eb fe
    `);
    const files = { ...bootFiles, kernel: listening };
    const spec = { ...tinySpec(listening), acpi: true };
    const guest = await LiveGuest.start(spec, null, { bootFiles: files });
    await guest.until(() => guest.ran.length > 3, 'some epochs');
    guest.vcpu.inject({ kind: 'powerButtonPressed' });
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    await guest.close();
    expect(guest.console).toBe('b');
    const replayed = await replayGuest(spec, guest.records, { bootFiles: files });
    expect(replayed).toEqual(guest.ran);
  });

  it.each([
    ['without ACPI', false],
    ['with ACPI, which nobody listens to', true],
  ])('cuts the power of a guest %s', async (_what, acpi) => {
    const spec = { ...tinySpec(kernel), acpi };
    const guest = await LiveGuest.start(spec, null, { bootFiles });
    guest.vcpu.inject({ kind: 'powerButtonPressed' });
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    await guest.close();
  });
});
