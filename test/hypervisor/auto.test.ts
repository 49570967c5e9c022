import { expect, it } from 'vitest';
import { RefusedError } from '../../src/channel/handshake.js';
import { BackOff } from '../../src/hypervisor/back-off.js';
import { SmallWorld } from './small-world.js';

it('boots when nobody ever has, and the next one follows', async () => {
  const world = new SmallWorld();
  const [a, b] = [world.host('a'), world.host('b')];
  a.runAuto();
  await world.pass(50);
  b.runAuto();
  await world.pass(300);
  expect(a.inSync).toEqual(['b']);
  expect(world.latest).toMatchObject({ generation: 1, reason: 'start' });
});

it('claims nothing beside a holder that is silent', async () => {
  const world = new SmallWorld();
  const [a, b] = [world.host('a'), world.host('b')];
  a.runAuto();
  await world.pass(50);
  a.stop();
  b.runAuto();
  await world.pass(10_000);
  expect(world.generations.size).toBe(1);
  expect(b.waits).toEqual([expect.stringContaining('may be live: it is silent')]);
  a.wake();
  await world.pass(1_000);
  expect(a.inSync).toEqual(['b']);
});

it('does not boot again in a generation it has handed over and nobody took', async () => {
  const world = new SmallWorld();
  const [a, b] = [world.host('a'), world.host('b')];
  a.runAuto();
  await world.pass(50);
  b.runAuto();
  await world.pass(300);
  expect(a.hypervisor.handOver()).toBe(true);
  // Asked again it waits for nothing, and the other one dies before it hears of it.
  a.hypervisor.replica!.leave();
  b.kill();
  await world.pass(10_000);
  // Its loss of the backup may have come before the hand-over was through.
  const starts = [...world.generations.values()].filter(({ reason }) => reason === 'start');
  expect(starts.map(({ holder }) => holder.replica)).toEqual(['a', 'a']);
  expect(starts.at(-1)).toEqual(world.latest);
  expect(a.isReleasing).toBe(true);
});

it('ends with a guest that others know is off, and boots one that was off before', async () => {
  const world = new SmallWorld();
  const [a, b] = [world.host('a'), world.host('b')];
  a.runAuto();
  await world.pass(50);
  // It has looked once, and waits.
  world.cut(a, b);
  b.runAuto();
  await world.pass(300);
  a.kill();
  world.ends.set(1, { kind: 'poweredOff', epoch: 7 });
  await world.pass(300);
  expect(b.end).toEqual({ kind: 'poweredOff', epoch: 7 });
  expect(world.generations.size).toBe(1);
  const c = world.host('c');
  c.runAuto();
  await world.pass(300);
  expect(c.isReleasing).toBe(true);
  expect(world.latest).toMatchObject({ generation: 2, reason: 'start' });
});

it('gives up where waiting does not help', async () => {
  const world = new SmallWorld();
  const a = world.host('a');
  const other = world.host('b');
  const { self } = other.settings;
  const b = world.host('b', { self: { ...self, machine: { memoryMiB: '2' } } });
  a.runAuto();
  await world.pass(50);
  b.runAuto();
  await world.pass(300);
  expect(b.end).toBeInstanceOf(RefusedError);
});

it('waits twice as long after each attempt that came to nothing, up to a bound', () => {
  const backOff = new BackOff(200, 1000);
  expect([1, 2, 3, 4, 5].map(() => backOff.next())).toEqual([200, 400, 800, 1000, 1000]);
  backOff.reset();
  expect(backOff.next()).toBe(200);
});

it('boots after a primary that kept a journal on the operator’s word alone, which counts once', async () => {
  const world = new SmallWorld();
  const journal = { sync: false, snapshotBytes: 1e9, snapshotMs: 1e9 };
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => world.host(name, { journal }));
  a!.runAuto();
  await world.pass(50);
  a!.kill();
  b!.runAuto();
  await world.pass(10_000);
  expect(world.generations.size).toBe(1);
  expect(b!.waits.at(-1)).toContain('kept a journal');
  b!.kill();

  c!.runAuto({ isCold: true });
  d!.runAuto({ isCold: true });
  while (world.generations.size < 2) await world.pass(5);
  // The other one has lost the race, and the one that won is dead before it could be joined.
  const winner = [c!, d!].find(({ name }) => name === world.latest?.holder.replica);
  winner!.kill();
  await world.pass(10_000);
  expect(world.generations.size).toBe(2);
});
