import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { ReplicaIdentity } from '../../src/arbiter/generation-record.js';
import { hostMark } from '../../src/node/host-mark.js';
import { HttpHolderProbe } from '../../src/node/http-holder-probe.js';

async function apiOf(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function identity(api: string, host = hostMark()): ReplicaIdentity {
  return { replica: 'a1', pid: 1, host, endpoint: 'ws://127.0.0.1:1', api };
}

const probe = new HttpHolderProbe({ answerMsMax: 200 });
const answering = (handler: RequestListener): Promise<string> => apiOf(createHttpServer(handler));

it('finds a replica live where it answers', async () => {
  const paths: (string | undefined)[] = [];
  const api = await answering((request, response) => {
    paths.push(request.url);
    response.end(JSON.stringify({ replica: 'a1', role: 'primary' }));
  });
  expect(await probe.probe(identity(api))).toBe('live');
  expect(paths).toEqual(['/status']);
});

it.each([
  ['another replica', JSON.stringify({ replica: 'b2' })],
  ['another program', '<html>'],
  ['something else in JSON', '[1]'],
])('finds it gone where %s answers', async (_, body) => {
  const api = await answering((_request, response) => response.end(body));
  expect(await probe.probe(identity(api))).toBe('gone');
});

it('finds it gone where nobody listens', async () => {
  const server = createServer();
  const api = await apiOf(server);
  await new Promise((resolve) => server.close(resolve));
  expect(await probe.probe(identity(api))).toBe('gone');
});

it('finds it silent where the connection is taken and nothing comes, as from a stopped process', async () => {
  const api = await apiOf(createServer(() => undefined));
  expect(await probe.probe(identity(api))).toBe('silent');
});

it('finds it silent where the answer breaks off', async () => {
  const api = await apiOf(createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')));
  expect(await probe.probe(identity(api))).toBe('silent');
});

it('does not take its own loopback for that of another host', async () => {
  const api = await answering((_request, response) => response.end('{}'));
  expect(await probe.probe(identity(api, 'elsewhere'))).toBe('silent');
});

it('finds a holder without an address silent', async () => {
  expect(await probe.probe(identity(''))).toBe('silent');
});

it.each([
  ['a primary', { replica: 'a1', role: 'primary' }, 'yes'],
  ['a backup in sync', { replica: 'a1', role: 'backup', backupsInSync: 1 }, 'yes'],
  ['a backup that joins', { replica: 'a1', role: 'backup', backupsInSync: 0 }, 'no'],
  ['a replica without a role', { replica: 'a1', role: 'starting', backupsInSync: 0 }, 'no'],
  ['another replica', { replica: 'b2', role: 'primary' }, 'no'],
])('tells whether %s may go live', async (_, status, expected) => {
  const api = await answering((_request, response) => response.end(JSON.stringify(status)));
  expect(await probe.mayGoLive(identity(api))).toBe(expected);
});

it('cannot tell whether a silent one may go live', async () => {
  const api = await apiOf(createServer(() => undefined));
  expect(await probe.mayGoLive(identity(api))).toBe('silent');
});
