import { afterEach, expect, it, vi } from 'vitest';
import { SpareVcpu } from '../../dist/vcpu/spare-vcpu.js';
import { V86Vcpu, type V86VcpuOptions } from '../../dist/vcpu/v86-vcpu.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import type { Vcpu, VcpuEvent } from '../../src/vcpu/vcpu.js';
import { LiveGuest } from './live-guest.js';
import { tinyKernel, tinySpec } from './tiny-kernel.js';

// Counts in memory for ever: `again: inc dword [0x200000]; jmp again`.
const kernel = tinyKernel('ff05 00002000 ebf8');
const spec = tinySpec(kernel);
const bootFiles = { bios: null, vgaBios: null, kernel, initrd: null };

const open: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** A place for a spare, and every machine that was built for it. */
function spares(options: V86VcpuOptions = { spec, bootFiles }): {
  spare: SpareVcpu;
  built: V86Vcpu[];
} {
  const built: V86Vcpu[] = [];
  const spare = new SpareVcpu(() => {
    const vcpu = new V86Vcpu(options);
    built.push(vcpu);
    open.push(vcpu);
    return vcpu;
  });
  open.push(spare);
  return { spare, built };
}

function create(
  spare: SpareVcpu,
  snapshot: Snapshot | null,
  ownsSnapshot = false,
): Promise<[Vcpu, VcpuEvent[]]> {
  const events: VcpuEvent[] = [];
  const made = spare.create(snapshot, {
    event: (event) => events.push(event),
    ownsSnapshot,
    failed: (error) => events.push({ kind: 'crashed', epoch: 0, reason: String(error) }),
  });
  return made.then((vcpu) => [vcpu, events]);
}

it('takes a state that came later, without another machine, and goes on from it bit for bit', async () => {
  const { spare, built } = spares();
  spare.prepare();
  spare.prepare();
  const primary = await LiveGuest.start(spec, null, { bootFiles });
  open.push(primary);
  await primary.until(() => primary.ran.length > 20, 'some epochs');
  const snapshot = await primary.cut();
  await primary.until(() => (primary.ran.at(-1)?.epoch ?? 0) > snapshot.epoch + 20, 'some more');
  await primary.close();
  const ran = primary.ran.filter(({ epoch }) => epoch > snapshot.epoch);
  const records = primary.records.filter(({ epoch }) => epoch > snapshot.epoch);

  const [vcpu, events] = await create(spare, snapshot);
  expect(built).toEqual([vcpu]);
  // Its epochs are told in order, and a wrong state by what follows it.
  vcpu.replay(records.slice(0, ran.length));
  vcpu.goLive();
  const last = (): VcpuEvent | undefined =>
    events.find(({ kind }) => kind === 'wentLive' || kind === 'diverged');
  await expect.poll(last, { timeout: 20_000 }).toMatchObject({ kind: 'wentLive' });
  const digests = events.filter((event) => event.kind === 'ran').map(({ after }) => after);
  expect(digests.slice(0, ran.length)).toEqual(ran.map(({ after }) => after));
});

it('copies a state that somebody else needs, and only that', async () => {
  const { spare } = spares();
  const primary = await LiveGuest.start(spec, null, { bootFiles });
  open.push(primary);
  const snapshot = await primary.cut();
  const { byteLength } = snapshot.state;
  await create(spare, snapshot);
  expect(snapshot.state.byteLength).toBe(byteLength);
  await create(spare, snapshot, true);
  expect(snapshot.state.byteLength).toBe(0);
});

it('builds a machine of its own for everybody after the first', async () => {
  const { spare, built } = spares();
  spare.prepare();
  const [first] = await create(spare, null);
  const [second] = await create(spare, null);
  expect(built).toEqual([first, second]);
});

it('ends the spare that nobody took, and nothing else', async () => {
  const { spare, built } = spares();
  spare.prepare();
  const [taken] = await create(spare, null);
  spare.prepare();
  const closed = built.map((vcpu) => vi.spyOn(vcpu, 'close'));
  await spare.close();
  expect(taken).toBe(built[0]);
  expect(closed.map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
});

it('leaves out a spare that has failed, and says what the next one says', async () => {
  const bios = { path: '/no/bios', bytes: 1, sha256: '' };
  const { spare, built } = spares({ spec: { ...spec, boot: { ...spec.boot, bios } } });
  spare.prepare();
  await expect.poll(() => built[0]?.hasFailed).toBe(true);
  await expect(create(spare, null)).rejects.toThrow(/ENOENT/);
  expect(built).toHaveLength(2);
});
