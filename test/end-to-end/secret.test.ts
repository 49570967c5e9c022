import { existsSync, chmodSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SharedSecret } from '../../src/node/shared-secret.js';
import { inSync, live, prompt, VmUnderTest } from './vm-under-test.js';

/** An address of this machine that is not loopback, if it has one. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

function secretFile(vm: VmUnderTest, name: string, text: string, mode = 0o600): string {
  const path = join(vm.place, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const text = '0123456789abcdef0123456789abcdef';

it('no address beyond loopback is opened without a secret', async () => {
  const vm = new VmUnderTest();
  for (const words of [
    ['--listen', '0.0.0.0:0'],
    ['--api', '0.0.0.0:0'],
    ['--listen', '[::]:0'],
    ['--listen', `${hostname()}:0`],
  ]) {
    const end = await vm.run('run', vm.dir, '--primary', ...vm.options, ...words);
    expect(end.status).toBe(4);
    expect(end.stderr).toMatch(/Refused to listen on .* without a secret/);
    expect(end.stderr).toContain('--secret-file');
  }
  const files = [secretFile(vm, 'open', text, 0o644), secretFile(vm, 'short', 'abc')];
  for (const file of files) {
    const end = await vm.run('run', vm.dir, '--primary', '--secret-file', file);
    expect(end.status).toBe(4);
    expect(end.stderr).toContain('[FTVM_SECRET_FILE]');
  }
  // Nothing was made for what was not to be.
  expect(existsSync(vm.dir)).toBe(false);
});

it('who knows the secret protects, watches and stops the VM; nobody else', async (context) => {
  if (outside === undefined) return context.skip('this machine has no address but loopback');
  const vm = new VmUnderTest();
  const known = ['--secret-file', secretFile(vm, 'secret', `${text}\n`)];
  const wrong = ['--secret-file', secretFile(vm, 'wrong', text.toUpperCase())];
  const listen = ['--listen', `${outside}:0`];
  const primary = vm.primary(...known, ...listen);
  await primary.stdout.until(prompt);
  const { api, endpoint } = vm.generations()[0]!.holder;

  expect((await fetch(`${api}/status`)).status).toBe(401);
  expect((await fetch(`${api}/stop`, { method: 'POST' })).status).toBe(401);
  for (const words of [[], wrong]) {
    for (const command of ['status', 'stop', 'console']) {
      const end = await vm.run(command, vm.dir, ...words);
      expect(end.status).toBe(4);
      expect(end.stderr).toContain('[FTVM_SECRET_REFUSED]');
    }
    // Somebody answers there: not knowing who is no proof of a death.
    const second = await vm.run('run', vm.dir, '--primary', ...words);
    expect(second.status).toBe(3);
    expect(second.stderr).toContain('may still be live');
  }
  const stranger = vm.backup('--join', endpoint);
  await stranger.stderr.until(/401/);
  expect((await vm.run('status', vm.dir, ...known)).stdout).toContain('UNPROTECTED');

  const backup = vm.backup(...known, ...listen);
  await inSync(backup);
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo over')).toBe('over');
  expect((await vm.run('stop', vm.dir, ...known)).status).toBe(0);
  expect(await backup.ended).toBe(0);
});

it('a proof that was overheard is good for nothing', async (context) => {
  if (outside === undefined) return context.skip('this machine has no address but loopback');
  const vm = new VmUnderTest();
  const path = secretFile(vm, 'secret', text);
  const primary = vm.primary('--secret-file', path, '--listen', `${outside}:0`);
  await primary.stdout.until(prompt);
  const { api } = vm.generations()[0]!.holder;
  const secret = await SharedSecret.read(path);
  const nonce = (await (await fetch(`${api}/challenge`)).text()).trim();
  const authorization = secret.authorization(nonce, 'GET', '/status');
  const ask = (path: string, method = 'GET') =>
    fetch(`${api}${path}`, { method, headers: { authorization } }).then(({ status }) => status);
  expect(await ask('/status')).toBe(200);
  expect(await ask('/status')).toBe(401);
  const another = (await (await fetch(`${api}/challenge`)).text()).trim();
  const headers = { authorization: secret.authorization(another, 'GET', '/status') };
  expect((await fetch(`${api}/stop`, { method: 'POST', headers })).status).toBe(401);
  expect(await primary.shell('echo alive')).toBe('alive');
});
