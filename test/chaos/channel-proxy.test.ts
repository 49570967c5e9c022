import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { ChannelProxy } from '../../src/chaos/channel-proxy.js';

let closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers) close();
  closers = [];
});

interface Wire {
  readonly proxy: ChannelProxy;
  readonly backup: Socket;
  readonly primary: Socket;
  readonly heard: { backup: string; primary: string };
}

/** A backup and a primary with the proxy between them, and what each has heard. */
async function wire(): Promise<Wire> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await ChannelProxy.open(`ws://127.0.0.1:${port}`);
  const backup = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  const [primary] = (await once(server, 'connection')) as [Socket];
  const heard = { backup: '', primary: '' };
  backup.on('data', (bytes: Buffer) => (heard.backup += bytes.toString()));
  primary.on('data', (bytes: Buffer) => (heard.primary += bytes.toString()));
  for (const socket of [backup, primary]) socket.on('error', () => undefined);
  closers.push(() => {
    proxy.close();
    backup.destroy();
    primary.destroy();
    server.close();
  });
  return { proxy, backup, primary, heard };
}
const aWhile = 50;

it('a direction that is cut carries nothing until it is mended, then everything', async () => {
  const { proxy, backup, primary, heard } = await wire();
  backup.write('hello ');
  await sleep(aWhile);
  proxy.cut('toPrimary');
  backup.write('late');
  primary.write('records');
  await sleep(aWhile);
  expect(heard).toEqual({ backup: 'records', primary: 'hello ' });
  proxy.mend();
  await sleep(aWhile);
  expect(heard.primary).toBe('hello late');
});

it('behind a cut nobody hears that the other end is gone', async () => {
  const { proxy, backup, primary } = await wire();
  let isClosed = false;
  backup.once('close', () => (isClosed = true));
  proxy.cut('toBackup', 'toPrimary');
  primary.destroy();
  await sleep(aWhile);
  expect(isClosed).toBe(false);
  proxy.mend();
  await sleep(aWhile);
  expect(isClosed).toBe(true);
});

it('a reset is heard at both ends', async () => {
  const { proxy, backup, primary } = await wire();
  const closed = [backup, primary].map(
    (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
  );
  proxy.reset();
  await Promise.all(closed);
  expect(proxy.isUsed).toBe(false);
});
