import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { FtvmProcess } from '../end-to-end/ftvm-process.js';
import { e2fsckAfterJournal, hasE2fsck } from '../end-to-end/host-tools.js';
import { live, prompt, VmUnderTest } from '../end-to-end/vm-under-test.js';

const roundsOfEach = 12;

/** From 0 to 1, the same for the same round. */
function chance(seed: number): number {
  const state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
}

const syncedOn = (replica: FtvmProcess): number =>
  Math.max(0, ...[...replica.stdout.text.matchAll(/synced (\d+)\r/g)].map(([, n]) => Number(n)));

/** Everything the guest reported as synced is there after a cold start, in a sound file system. */
async function expectIntact(vm: VmUnderTest, synced: number): Promise<void> {
  if (hasE2fsck) {
    const copy = join(vm.place, 'copy.img');
    copyFileSync(join(vm.dir, 'disk', 'hda.img'), copy);
    e2fsckAfterJournal(copy);
  }
  const cold = await vm.booted();
  const [, intact] = await cold.ask('fsyncer -c /root/records', /intact (\d+)\r/);
  expect(Number(intact)).toBeGreaterThanOrEqual(synced);
  await cold.kill();
}

it.each(Array.from({ length: roundsOfEach }, (_none, round) => [round]))(
  'round %i: the primary dies while a backup joins, at any moment of it',
  async (round) => {
    const vm = new VmUnderTest();
    const primary = await vm.booted();
    primary.type('fsyncer /root/records 100000\n');
    await primary.stdout.until(/synced 20\r/);
    const backup = vm.backup();
    await backup.stderr.until(/backup of/);
    await sleep(chance(round) * 600);
    await primary.kill();
    let synced = syncedOn(primary);
    // It was in sync and takes over, or was not and waits for a primary that will never be.
    const tookOver = await Promise.race([
      live(backup).then(() => true),
      backup.stderr.until(/waiting for a primary/).then(() => false),
    ]);
    if (tookOver) await backup.stdout.until(new RegExp(`synced ${synced + 20}\\r`));
    synced = Math.max(synced, syncedOn(backup));
    await backup.kill();
    await expectIntact(vm, synced);
  },
);

it.each(Array.from({ length: roundsOfEach }, (_none, round) => [round]))(
  'round %i: both die within a moment, or the survivor does while it goes live',
  async (round) => {
    const vm = new VmUnderTest();
    const primary = await vm.booted();
    const backup = await vm.protect();
    primary.type('fsyncer /root/records 100000\n');
    await primary.stdout.until(/synced 20\r/);
    await primary.kill();
    await sleep(chance(100 + round) * 30);
    await backup.kill();
    await expectIntact(vm, Math.max(syncedOn(primary), syncedOn(backup)));
  },
);

it.each(Array.from({ length: roundsOfEach }, (_none, round) => [round]))(
  'round %i: a primary is stopped for about as long as a backup waits',
  async (round) => {
    const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
    const primary = vm.primary();
    await primary.stdout.until(/counter ready/);
    const backup = await vm.protect();
    await primary.ask('add 100', /count 100\r/);
    primary.signal('SIGSTOP');
    await sleep(300 + chance(200 + round) * 500);
    primary.signal('SIGCONT');
    // Whoever it is by now, there is one, and it knows the count.
    const isOver = await Promise.race([
      primary.ended.then(() => true),
      primary.ask('get', /count 100\r/).then(
        () => false,
        () => true,
      ),
    ]);
    if (isOver) {
      expect(await primary.ended).toBe(3);
      await live(backup);
    } else {
      await primary.ask('add 1', /count 101\r/);
      await primary.kill();
      await live(backup);
    }
    const count = isOver ? 100 : 101;
    await backup.ask('get', new RegExp(`count ${count}\\r`));
  },
);

it('a hundred kills, and nothing that was acknowledged is lost', async () => {
  const vm = new VmUnderTest();
  const end = await vm.run('demo', '--rounds', '100', '--seconds', '1', '--json');
  expect(end.stderr.split('\n').slice(-3).join('\n')).not.toMatch(/FTVM_/);
  expect(JSON.parse(end.stdout)).toMatchObject({
    ok: true,
    rounds: 100,
    lostAcknowledged: 0,
    duplicated: 0,
    divergences: 0,
  });
});

it('without the Output Rule the counter goes back', async () => {
  const vm = new VmUnderTest();
  const end = await vm.run('demo', '--output-commit', 'off', '--rounds', '3', '--json');
  expect(end.status).toBe(6);
  const report = JSON.parse(end.stdout) as { ok: boolean; lostAcknowledged: number };
  expect(report.ok).toBe(false);
  expect(report.lostAcknowledged).toBeGreaterThan(0);
  expect(prompt.test(end.stdout)).toBe(false);
});
