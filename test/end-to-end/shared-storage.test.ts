import { rename } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

it('a primary without its backup claims a generation before it releases anything', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  const away = `${vm.generationsDir}.away`;
  await rename(vm.generationsDir, away);
  await backup.kill();
  await primary.stderr.until(/shared disk cannot be reached, waiting/);
  const shownBefore = primary.stdout.text;
  primary.type('echo it is $((40 + 2))\n');
  // The guest has run that and its output is held: storage unreachable is not permission.
  const { api } = await holderOf(vm, away);
  const held = async (): Promise<number> => {
    const status = (await (await fetch(`${api}/status`)).json()) as {
      primary: { heldOutputs: number; releasing: boolean };
    };
    expect(status.primary.releasing).toBe(false);
    return status.primary.heldOutputs;
  };
  while ((await held()) === 0);
  expect(primary.stdout.text).toBe(shownBefore);

  await rename(away, vm.generationsDir);
  await primary.stdout.until(/it is 42/);
  expect(vm.generations().map(({ reason }) => reason)).toEqual(['start', 'backupLost']);
  expect(vm.generations()[1]).toMatchObject({ inSync: [], holder: { pid: primary.pid } });
});

it('a backup that cannot reach the storage does not go live, and does once it can', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  const away = `${vm.generationsDir}.away`;
  await rename(vm.generationsDir, away);
  await primary.kill();
  await backup.stderr.until(/primary is lost/);
  await backup.stderr.until(/shared disk cannot be reached, waiting/);
  const api = /process \d+, (http:\S+)/.exec(backup.stderr.text)![1]!;
  const told: unknown = await (await fetch(`${api}/status`)).json();
  expect(told).toMatchObject({ role: 'backup', generation: 1 });
  expect(backup.stderr.text).not.toContain('LIVE');
  await rename(away, vm.generationsDir);
  await live(backup);
  expect(await backup.shell('echo $((40 + 2))')).toBe('42');
});

it('starts where the disk is, as the next generation, when every replica died', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  await primary.shell('echo kept > /root/note; sync');
  primary.signal('SIGKILL');
  backup.signal('SIGKILL');
  await Promise.all([primary.ended, backup.ended]);
  expect(await vm.status()).toMatchObject({ primary: null, protection: 'unprotected' });

  const before = vm.generations().length;
  const again = await vm.booted();
  expect(vm.generations()).toHaveLength(before + 1);
  expect(vm.generations().at(-1)).toMatchObject({ reason: 'start', holder: { pid: again.pid } });
  expect(await again.shell('cat /root/note')).toBe('kept');
  // And it can be protected as any other.
  const second = await vm.protect();
  await again.kill();
  await live(second);
  expect(await second.shell('cat /root/note')).toBe('kept');
});

it('a primary waits for storage that is away when it starts', async () => {
  const vm = new VmUnderTest();
  const first = await vm.booted();
  first.type('poweroff\n');
  expect(await first.ended).toBe(0);
  const away = `${vm.generationsDir}.away`;
  await rename(vm.generationsDir, away);
  const refused = await vm.run('run', vm.dir, '--primary');
  expect(refused.status).toBe(4);
  expect(refused.stderr).toContain('is missing, so nobody can tell who is live');
  await rename(away, vm.generationsDir);
  const second = await vm.booted();
  await inSync(vm.backup());
  expect(await second.shell('echo up')).toBe('up');
});

async function holderOf(vm: VmUnderTest, dir: string): Promise<{ api: string }> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`${dir}/generation-1.json`, 'utf8');
  return (JSON.parse(text) as { holder: { api: string } }).holder;
}
