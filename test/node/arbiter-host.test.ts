import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ArbiterHost } from '../../src/node/arbiter-host.js';
import { HttpEndNotes, HttpRoster } from '../../src/node/http-notes.js';
import { HttpGenerationStore } from '../../src/node/http-generation-store.js';
import { SharedSecret } from '../../src/node/shared-secret.js';
import { generationRecord } from '../contract/generation-store-contract.js';
import { identityOf } from '../role/settings.js';
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

it('keeps the notes beside the generations: how one ended, and who was in sync', async () => {
  const dir = scratchDir();
  const first = await arbiter(dir);
  const at = new Date(0).toISOString();
  const end = { kind: 'crashed', epoch: 7, reason: 'triple fault', at } as const;
  await new HttpEndNotes({ url: first.url, vm }).write(3, end);
  await new HttpRoster({ url: first.url, vm }).write(4, [identityOf('b'), identityOf('c')]);
  await first.close();
  const { url } = await arbiter(dir);
  expect(await new HttpEndNotes({ url, vm }).read(3)).toEqual(end);
  expect(await new HttpEndNotes({ url, vm }).read(4)).toBeNull();
  expect(await new HttpRoster({ url, vm }).read(4)).toEqual([identityOf('b'), identityOf('c')]);
  expect(await new HttpRoster({ url, vm }).read(3)).toEqual([]);
});

it('that is away knows no notes, and takes none', async () => {
  const host = await arbiter();
  await host.close();
  const [ends, roster] = [
    new HttpEndNotes({ url: host.url, vm }),
    new HttpRoster({ url: host.url, vm }),
  ];
  await ends.write(1, { kind: 'poweredOff', epoch: 1, at: '' });
  await roster.write(1, []);
  expect(await ends.read(1)).toBeNull();
  expect(await roster.read(1)).toEqual([]);
});

it.each([
  ['a note of no end', 'ends/1', '{"kind":"vanished","epoch":1,"at":""}', 400],
  ['a note in no JSON', 'ends/1', 'off', 400],
  ['a roster of nobody', 'roster/1', '{}', 400],
  ['a roster of strangers', 'roster/1', '{"inSync":[{"replica":7}]}', 400],
  ['an end of no generation', 'ends/..%2f1', '{"kind":"poweredOff","epoch":1,"at":""}', 404],
])('takes no %s', async (_what, path, body, status) => {
  const dir = scratchDir();
  const host = await arbiter(dir);
  const answer = await fetch(`${host.url}/vms/${vm}/${path}`, { method: 'POST', body });
  expect(answer.status).toBe(status);
  expect(readdirSync(dir).flatMap((name) => readdirSync(join(dir, name)))).toEqual([]);
});
