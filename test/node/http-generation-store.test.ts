import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { HttpGenerationStore } from '../../src/node/http-generation-store.js';
import { identityOf } from '../role/settings.js';

const vm = '4a0d0c5e-57a2-4f37-9f1c-3b7f7a0e8b11';
const record = {
  generation: 1,
  vm,
  holder: identityOf('p'),
  inSync: [],
  reason: 'start',
  claimedAt: '',
} as const;

async function storeThatHears(answer: string): Promise<HttpGenerationStore> {
  const server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return new HttpGenerationStore({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    vm,
  });
}

it.each([
  ['another kind of word', '{"kind": "lost", "holder": {}, "why": {"toString": 1}}'],
  ['endless nesting', `{"kind": "found", "record": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ['a list', '[]'],
  ['no JSON', 'hello'],
])(
  'takes %s for no answer: nobody has won, nothing is known to be absent',
  async (_what, answer) => {
    const store = await storeThatHears(answer);
    expect(await store.claim(record)).toMatchObject({ kind: 'unreachable' });
    expect(await store.latest()).toMatchObject({ kind: 'unreachable' });
    await expect(store.read(1)).rejects.toMatchObject({ code: expect.stringMatching(/^FTVM_/) });
  },
);

it('takes null for what it says: there is no such generation', async () => {
  expect(await (await storeThatHears('null')).read(1)).toBeNull();
});
