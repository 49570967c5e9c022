import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askApi } from '../../src/node/api-client.js';
import { ArbiterHost } from '../../src/node/arbiter-host.js';
import { HttpGenerationStore } from '../../src/node/http-generation-store.js';
import type { Prng } from '../../src/sim/prng.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { identityOf } from '../role/settings.js';
import { jsonOf, mutateText, mutateValue } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

const vm = '4a0d0c5e-57a2-4f37-9f1c-3b7f7a0e8b11';
const record = {
  generation: 1,
  vm,
  holder: identityOf('p'),
  inSync: [],
  reason: 'start',
  claimedAt: '2026-01-02T03:04:05.678Z',
} as const;

/** A server that answers whatever the case wants. */
class Liar {
  answer = '';
  status = 200;
  readonly #server: Server = createServer((_request, response) => {
    response.writeHead(this.status).end(this.answer);
  });

  async url(): Promise<string> {
    if (!this.#server.listening) {
      await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    }
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
let liar: Liar | null = null;

let arbiter: { readonly host: ArbiterHost; readonly dir: string } | null = null;
async function openArbiter(): Promise<ArbiterHost> {
  if (arbiter) return arbiter.host;
  const dir = await mkdtemp(join(tmpdir(), 'ftvm-fuzz-'));
  const host = await ArbiterHost.open(new SilentDiagnostics(), { host: '127.0.0.1', port: 0, dir });
  arbiter = { host, dir };
  return host;
}

function answerOf(chance: Prng): unknown {
  return chance.pick<unknown>([
    { kind: 'won' },
    { kind: 'lost', holder: record },
    { kind: 'found', record },
    { kind: 'none' },
    { kind: 'unreachable', why: 'x' },
    { why: { toString: 1 } },
    record,
    null,
  ]);
}

export const arbiterTargets: readonly FuzzTarget[] = [
  {
    name: 'arbiter-answer',
    share: 2,
    run: async (chance) => {
      liar ??= new Liar();
      liar.answer = jsonOf(chance, mutateValue(chance, answerOf(chance)));
      liar.status = chance.pick([200, 200, 200, 400, 503]);
      const store = new HttpGenerationStore({ url: await liar.url(), vm });
      const ask = chance.pick([
        async () => (await store.claim(record)).kind,
        async () => (await store.latest()).kind,
        async () => ((await store.read(1)) === null ? 'none' : 'found'),
      ]);
      return (await ask()) === 'unreachable' ? 'refused' : 'taken';
    },
    close: async () => {
      await liar?.close();
      liar = null;
    },
  },
  {
    name: 'arbiter-claim',
    share: 2,
    run: async (chance) => {
      const { url } = await openArbiter();
      const generation = chance.whole(1, 1_000_000);
      const body = jsonOf(chance, mutateValue(chance, { ...record, generation }));
      const path = chance.chance(0.8) ? `/vms/${vm}/generations` : '/vms/x/generations';
      const answer = await askApi('POST', `${url}${path}`, { body });
      insist(answer !== null && answer.status !== 500, 'no claim is an internal error');
      const asked = encodeURI(mutateText(chance, [`/vms/${vm}/generations/latest`]));
      const latest = await askApi('GET', `${url}/${asked.replace(/^\/+/, '')}`);
      insist(latest?.status !== 500, 'no question is an internal error');
      return answer.status === 200 ? 'taken' : 'refused';
    },
    close: async () => {
      await arbiter?.host.close();
      if (arbiter) await rm(arbiter.dir, { recursive: true });
      arbiter = null;
    },
  },
];
