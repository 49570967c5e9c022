import { expect, it } from 'vitest';
import { ProcessWill } from '../../src/node/process-will.js';
import { ConsoleReader } from './console-reader.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

/** Prints numbered lines until it is told to stop. */
const countUp = 'i=0; while i=$((i+1)); do echo line $i; done';

it('shows each byte of the console once, across a kill -9', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  const before = new ConsoleReader(vm.generations()[0]!.holder.api);
  primary.type(`${countUp}\n`);
  await before.shown.until(/line 300\r\n/);
  await primary.kill();
  await before.closed;

  await live(backup);
  const after = new ConsoleReader(vm.generations()[1]!.holder.api, before.next);
  await after.shown.until(/line 1000\r\n/);
  backup.type('\x03');
  await after.shown.until(prompt);
  expect([...before.misplaced, ...after.misplaced]).toEqual([]);

  const text = before.shown.text + after.shown.text;
  const numbers = [...text.matchAll(/^line (\d+)\r$/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(numbers.map((_number, at) => at + 1));
  expect(text).toMatch(/echo line \$i; done\r\nline 1\r\n[^]*\^C\r\nguest:~# $/);
  // What the dead primary had on its own screen is the beginning of that story.
  expect(text.startsWith(primary.stdout.text)).toBe(true);
  // And the backup's screen showed all of it from its own beginning on.
  expect(text.endsWith(backup.stdout.text)).toBe(true);
});

it('never loses an answer that was given', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const primary = vm.primary();
  await primary.stdout.until(/counter ready/);
  let live = primary;
  let acknowledged = 0;
  for (const round of [1, 2, 3]) {
    const backup = await vm.protect();
    const goal = 40 * round;
    // One at a time: each is sent when the one before is answered.
    while (acknowledged < goal) {
      const [, count] = await live.ask('inc', /count (\d+)\r\n/);
      expect(Number(count)).toBe(acknowledged + 1);
      acknowledged += 1;
    }
    // The last one is on its way when the power goes.
    live.type('inc\n');
    await live.kill();
    const answered = [...live.stdout.text.matchAll(/count (\d+)\r\n/g)].map(([, n]) => Number(n));
    acknowledged = Math.max(acknowledged, ...answered);
    await backup.stderr.until(/LIVE at epoch/);
    // The line it does not know ends the answers: the one before it is the answer to this get.
    const [, count] = await backup.ask('get\nfin', /count (\d+)\r\nerror:/);
    expect([acknowledged, acknowledged + 1]).toContain(Number(count));
    acknowledged = Number(count);
    live = backup;
  }
});

it('takes input on a backup only once it is live', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const primary = vm.primary();
  await primary.stdout.until(/counter ready/);
  const backup = await vm.protect();
  expect(backup.stderr.text).toContain('takes no input until this replica is live');
  backup.type('add 1000000\n');
  // Its own process has read that when it answers a later question.
  const api = /process \d+, (http:\S+)/.exec(backup.stderr.text)![1]!;
  await fetch(`${api}/healthz`);
  await primary.ask('add 5', /count 5\r\n/);
  await primary.kill();
  await live(backup);
  if (ProcessWill.isPossible()) {
    expect(backup.stderr.text).toContain('the primary is lost: its process has died');
  }
  await backup.ask('get', /count 5\r\n/);
  await backup.ask('add 2', /count 7\r\n/);
});

it('goes on without its clients noticing when the host dies again and again', async () => {
  const vm = new VmUnderTest();
  let current = await vm.booted();
  await current.shell('echo 0 > /tmp/n');
  for (let round = 1; round <= 10; round += 1) {
    const backup = await vm.protect();
    await current.kill();
    await live(backup);
    current = backup;
    expect(await current.shell('echo $(($(cat /tmp/n) + 1)) > /tmp/n; cat /tmp/n')).toBe(
      String(round),
    );
  }
  expect(vm.generations().map(({ reason }) => reason)).toEqual([
    'start',
    ...Array.from({ length: 10 }, () => 'takeover'),
  ]);
  const status = await vm.status();
  expect(status).toMatchObject({ generation: 11, role: 'primary', protection: 'unprotected' });
  expect(status.replay.divergences).toBe(0);
});
