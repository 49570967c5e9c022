import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ArbiterHost } from '../../src/node/arbiter-host.js';
import { HttpGenerationStore } from '../../src/node/http-generation-store.js';
import { SharedSecret } from '../../src/node/shared-secret.js';
import { generationRecord } from '../contract/generation-store-contract.js';
import { scratchDir } from './scratch.js';
import { SilentDiagnostics } from './silent-diagnostics.js';

const { vm } = generationRecord(1, 'a');

async function arbiter(dir = scratchDir(), secret: SharedSecret | null = null) {
  const address = { host: '127.0.0.1', port: 0 };
  const host = await ArbiterHost.open(new SilentDiagnostics(), { ...address, dir, secret });
  onTestFinished(() => host.close());
  return host;
}

it('remembers across a restart', async () => {
  const dir = scratchDir();
  const first = await arbiter(dir);
  await new HttpGenerationStore({ url: first.url, vm }).claim(generationRecord(1, 'a'));
  await first.close();
  const second = await arbiter(dir);
  const store = new HttpGenerationStore({ url: second.url, vm });
  expect(await store.claim(generationRecord(1, 'b'))).toMatchObject({ kind: 'lost' });
});

it('that is away is unreachable: neither a yes nor a no', async () => {
  const host = await arbiter();
  await host.close();
  const store = new HttpGenerationStore({ url: host.url, vm });
  expect(await store.claim(generationRecord(1, 'a'))).toMatchObject({ kind: 'unreachable' });
  expect(await store.latest()).toMatchObject({ kind: 'unreachable' });
  await expect(store.read(1)).rejects.toMatchObject({ code: 'FTVM_ARBITER_UNREACHABLE' });
});

it('does not answer who does not know the secret', async () => {
  const host = await arbiter(scratchDir(), new SharedSecret(Buffer.alloc(32, 1)));
  const stranger = new HttpGenerationStore({ url: host.url, vm });
  expect(await stranger.claim(generationRecord(1, 'a'))).toMatchObject({ kind: 'unreachable' });
  const friend = new HttpGenerationStore({
    url: host.url,
    vm,
    secret: new SharedSecret(Buffer.alloc(32, 1)),
  });
  expect(await friend.claim(generationRecord(1, 'a'))).toEqual({ kind: 'won' });
});

it.each([
  ['a name that leaves the directory', '/vms/..%2f..%2fetc/generations', '{}', 404],
  ['another VM than the path says', `/vms/${vm.replace('4', '5')}/generations`, null, 400],
  ['no record', `/vms/${vm}/generations`, '{"generation":1}', 400],
  ['no JSON', `/vms/${vm}/generations`, 'hello', 400],
])('takes no claim of %s', async (_what, path, body, status) => {
  const dir = scratchDir();
  const host = await arbiter(dir);
  const answer = await fetch(`${host.url}${path}`, {
    method: 'POST',
    body: body ?? JSON.stringify(generationRecord(1, 'a')),
  });
  expect(answer.status).toBe(status);
  expect(readdirSync(dir).flatMap((name) => readdirSync(join(dir, name)))).toEqual([]);
});
