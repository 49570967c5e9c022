import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HypervisorStatus } from '../../src/hypervisor/status.js';
import { ConsoleReader } from './console-reader.js';
import type { Transcript } from './transcript.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

const countUp = 'i=0; while i=$((i+1)); do echo line $i; done';
const hashOf = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

/** Output waits and nothing more is shown: no ack is on its way any more. */
async function holding(api: string, shown: Transcript): Promise<void> {
  for (let [held, length] = [0, -1]; held === 0 || shown.text.length !== length;) {
    length = shown.text.length;
    const status = (await (await fetch(`${api}/status`)).json()) as HypervisorStatus;
    held = status.primary?.heldOutputs ?? 0;
  }
}

it('a primary that wakes up after the takeover releases nothing and halts', async () => {
  const vm = new VmUnderTest();
  const patient = ['--failure-timeout', '2000'];
  const primary = await vm.booted(...patient);
  const backup = await vm.protect(...patient);
  const { api } = vm.generations()[0]!.holder;
  const reader = new ConsoleReader(api);
  primary.type(`${countUp}\n`);
  await reader.shown.until(/line 200\r\n/);
  // Without acks nothing leaves: the stop cannot cut a release in two, one half of it before the
  // takeover. The acks come while the primary is stopped, and are the first that it finds awake.
  backup.signal('SIGSTOP');
  await holding(api, reader.shown);
  primary.signal('SIGSTOP');
  backup.signal('SIGCONT');

  await live(backup);
  await backup.stdout.until(/line 600\r\n/);
  // The new primary ends in order, so that whoever touches the disk from here on is a ghost.
  backup.type('\x03');
  await backup.stdout.until(prompt);
  backup.type('poweroff\n');
  expect(await backup.ended).toBe(0);
  // What the old one wrote before it was stopped has been read by now, and it can add nothing.
  const shownBefore = primary.stdout.text;
  const readBefore = reader.shown.text;
  const image = join(vm.dir, 'disk', 'hda.img');
  const imageBefore = hashOf(image);

  primary.signal('SIGCONT');
  expect(await primary.ended).toBe(3);
  await reader.closed;
  expect(primary.stderr.text).toContain(`generation 2 belongs to process ${backup.pid}`);
  expect(primary.stdout.text).toBe(shownBefore);
  expect(reader.shown.text).toBe(readBefore);
  expect(hashOf(image)).toBe(imageBefore);
});

it('a primary that wakes up while its successor works releases nothing and halts', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const primary = vm.primary();
  await primary.stdout.until(/counter ready/);
  const backup = await vm.protect();
  await primary.ask('add 7', /count 7\r\n/);
  primary.signal('SIGSTOP');
  // Typed to a stopped process: it must not answer when it wakes up.
  primary.type('add 1000\n');
  await live(backup);
  await backup.ask('add 1', /count 8\r\n/);
  primary.signal('SIGCONT');
  expect(await primary.ended).toBe(3);
  expect(primary.stdout.text).not.toMatch(/count (?!7\r)/);
  await backup.ask('add 1', /count 9\r\n/);
});

it('a second primary is refused and told who is live', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const second = await vm.run('run', vm.dir, '--primary');
  expect(second.status).toBe(3);
  expect(second.stdout).toBe('');
  expect(second.stderr).toMatch(
    new RegExp(`live already: process ${primary.pid} on \\S+ \\(ws://\\S+\\) holds generation 1`),
  );
  expect(second.stderr).toContain('ftvm run --backup');
  expect(await primary.shell('echo still here')).toBe('still here');
});

it('a silent holder is not taken for dead, unless an operator says so', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  primary.signal('SIGSTOP');
  const second = await vm.run('run', vm.dir, '--primary');
  expect(second.status).toBe(3);
  expect(second.stderr).toMatch(new RegExp(`may still be live: process ${primary.pid} on`));
  expect(second.stderr).toContain('--holder-is-dead');
  expect(vm.generations()).toHaveLength(1);

  const third = await vm.booted('--holder-is-dead');
  expect(vm.generations().map(({ holder }) => holder.pid)).toEqual([primary.pid, third.pid]);
  const shownBefore = primary.stdout.text;
  primary.type('echo ghost\n');
  primary.signal('SIGCONT');
  expect(await primary.ended).toBe(3);
  expect(primary.stderr.text).toContain(`generation 2 belongs to process ${third.pid}`);
  expect(primary.stdout.text).toBe(shownBefore);
  expect(await third.shell('echo alive')).toBe('alive');
});
