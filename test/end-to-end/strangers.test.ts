import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { encodeMessage } from '../../src/channel/wire-codec.js';
import { LOG_SUBPROTOCOL } from '../../src/channel/wire-message.js';
import { live, VmUnderTest } from './vm-under-test.js';

/** Resolves with the close code, or the HTTP status that refused the link. */
function disturb(
  endpoint: string,
  subprotocol: string[],
  act: (socket: WebSocket) => void = () => undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(endpoint, subprotocol, { handshakeTimeout: 10_000 });
    socket.on('unexpected-response', (_request, { statusCode }) => {
      resolve(statusCode ?? 0);
      socket.terminate();
    });
    socket.on('open', () => act(socket));
    socket.on('error', () => undefined);
    socket.on('close', (code) => resolve(code));
  });
}

/** Sends raw bytes and half of things, and hangs up when the other side does or has had enough. */
function babble(endpoint: string, bytes: Buffer): Promise<void> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => socket.end());
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.resume();
  });
}

it('garbage on the logging channel of primary and backup touches neither', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  const status = await vm.status();
  const endpoints = [status.primary!.endpoint, status.backups[0]!.endpoint];
  const keepAlive = encodeMessage({ kind: 'keepAlive' });
  for (const endpoint of endpoints) {
    const log = [LOG_SUBPROTOCOL];
    expect(await disturb(endpoint, ['ftvm-log.v999'])).toBe(400);
    expect(await disturb(endpoint, [])).toBe(400);
    expect(await disturb(`${endpoint}/nowhere`, log)).toBe(404);
    await Promise.all([
      disturb(endpoint, log, (socket) => socket.send(randomBytes(1000))),
      disturb(endpoint, log, (socket) => socket.send(Buffer.alloc(0))),
      disturb(endpoint, log, (socket) => socket.send('text')),
      disturb(endpoint, log, (socket) => socket.send(keepAlive.subarray(0, -1))),
      // Well formed, and no way to begin.
      disturb(endpoint, log, (socket) => socket.send(keepAlive)),
      disturb(endpoint, log, (socket) => socket.send(randomBytes(17 * 1024 * 1024))),
      disturb(endpoint, log, (socket) => {
        socket.send(keepAlive, { fin: false });
        socket.terminate();
      }),
      babble(endpoint, randomBytes(5000)),
      babble(endpoint, Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso')),
      babble(
        endpoint,
        Buffer.from('POST /stop HTTP/1.1\r\nHost: evil\r\nOrigin: http://evil\r\n\r\n'),
      ),
    ]);
  }
  expect(await primary.shell('echo alive')).toBe('alive');
  expect(await vm.status()).toMatchObject({ generation: 1, protection: 'protected' });
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo alive')).toBe('alive');
  for (const { stderr } of [primary, backup]) expect(stderr.text).not.toMatch(/a bug|\n {4}at /);
});

it('a page of somebody else can neither stop the VM nor type', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const { api } = vm.generations()[0]!.holder;
  const headers = { origin: 'http://evil.example' };
  expect((await fetch(`${api}/stop`, { method: 'POST', headers })).status).toBe(403);
  const url = `${api.replace('http', 'ws')}/console`;
  const refused = await new Promise((resolve) => {
    const socket = new WebSocket(url, 'ftvm-console.v1', { headers });
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
  });
  expect(refused).toBe(403);
  expect(await primary.shell('echo alive')).toBe('alive');
});
