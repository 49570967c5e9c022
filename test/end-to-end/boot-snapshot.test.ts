import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

const making = /making a boot snapshot/;
const options = ['--memory', '32', '--service', 'httpd', '--boot-snapshot'];

/** A primary whose cache is in `place`. */
function primaryOf(vm: VmUnderTest, place: string, ...words: string[]): FtvmProcess {
  const env = { XDG_CACHE_HOME: join(place, 'cache') };
  return vm.startWith(env, 'run', vm.dir, '--primary', ...options, ...words);
}

const macOf = (vm: VmUnderTest): string =>
  (JSON.parse(readFileSync(join(vm.dir, 'vm.json'), 'utf8')) as { spec: { nic: { mac: string } } })
    .spec.nic.mac;

/** What must be each guest's own. */
async function whoIs(guest: FtvmProcess) {
  await guest.stdout.until(prompt);
  return {
    mac: (await guest.shell('cat /sys/class/net/eth0/address')).trim(),
    boot: (await guest.shell('cat /proc/sys/kernel/random/boot_id')).trim(),
    random: (await guest.shell('head -c 16 /dev/urandom | md5sum')).trim(),
    seconds: Number(await guest.shell('date +%s')),
  };
}

it('starts a VM from the snapshot another one made, as a guest of its own, and protects it', async () => {
  const [maker, user] = [new VmUnderTest(options), new VmUnderTest(options)];
  const { place } = maker;
  const journal = join(place, 'journal');
  const first = primaryOf(maker, place);
  const one = await whoIs(first);
  expect(first.stderr.text).toMatch(making);
  const template = join(place, 'cache/ftvm/templates');
  first.signal('SIGINT');
  await first.ended;
  expect(readdirSync(template)).toHaveLength(1);

  const second = primaryOf(user, place, '--journal', journal, '--journal-sync');
  const two = await whoIs(second);
  expect(second.stderr.text).not.toMatch(making);
  expect([one.mac, two.mac]).toEqual([macOf(maker), macOf(user)]);
  expect(two.mac).not.toBe(one.mac);
  expect(two.boot).not.toBe(one.boot);
  expect(two.random).not.toBe(one.random);
  expect(Math.abs(two.seconds - Date.now() / 1000)).toBeLessThan(60);
  expect(await second.shell('wget -q -O - http://127.0.0.1/ | head -n 1')).toMatch(/doctype/);

  // Its log begins with the snapshot: a backup replays from there on, and so does a journal.
  await second.shell('echo kept > /root/file; sync');
  const backup = await user.protect();
  await second.kill();
  await live(backup);
  expect(await backup.shell('cat /root/file')).toMatch(/kept/);
  await backup.kill();
});

it('resumes from a journal that begins with the snapshot', async () => {
  const vm = new VmUnderTest(options);
  const journal = join(vm.place, 'journal');
  const before = primaryOf(vm, vm.place, '--journal', journal, '--journal-sync');
  const one = await whoIs(before);
  await before.shell('name=remembered');
  await before.kill();
  const after = primaryOf(vm, vm.place, '--journal', journal, '--journal-sync');
  await after.stderr.until(/LIVE again at epoch/);
  await after.ask('echo is-$name', /is-remembered/);
  await after.ask('cat /proc/sys/kernel/random/boot_id', new RegExp(one.boot));
});

it('makes a damaged snapshot again, says so, and boots where there can be none', async () => {
  const maker = new VmUnderTest(options);
  const { place } = maker;
  const first = primaryOf(maker, place);
  await first.stdout.until(prompt);
  first.signal('SIGINT');
  await first.ended;
  const dir = join(place, 'cache/ftvm/templates');
  const file = join(dir, readdirSync(dir)[0]!);
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, whole.byteLength - 1));

  const user = new VmUnderTest(options);
  const second = primaryOf(user, place);
  await second.stdout.until(prompt);
  expect(second.stderr.text).toMatch(/cannot be used and is made again: it has the wrong checksum/);
  second.signal('SIGINT');
  await second.ended;
  expect(readFileSync(file).byteLength).toBeGreaterThan(whole.byteLength / 2);

  const copies = new VmUnderTest();
  const third = primaryOf(copies, place, '--disk-mode', 'replicated');
  await third.stdout.until(prompt);
  expect(third.stderr.text).toMatch(/No boot snapshot for this VM: each replica has its own disks/);
});
