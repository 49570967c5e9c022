import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFrame } from '../../src/network/ethernet-frame.js';
import { parseForward } from '../../src/network/forward-rule.js';
import { parseSubnet } from '../../src/network/ipv4-address.js';
import { announceMac } from '../../src/network/mac-announcement.js';
import { broadcastMac } from '../../src/network/mac-address.js';
import { StreamFraming, streamHeader } from '../../src/network/stream-framing.js';
import { NodeClock } from '../../src/node/node-clock.js';
import { SwitchHost, type SwitchHostOptions } from '../../src/node/switch-host.js';
import { WsFramePort } from '../../src/node/ws-frame-port.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { FrameSource } from './frame-source.js';

const A = 0x02_00_00_00_00_0a;
const B = 0x02_00_00_00_00_0b;
const frame = (to: number, from: number, bytes = 60): Uint8Array =>
  newFrame(to, from, 0x88b5, bytes - 14);

let open: { close(): unknown }[] = [];
beforeEach(() => {
  open = [];
});
afterEach(async () => {
  for (const thing of open.reverse()) await thing.close();
});
const keep = <T extends { close(): unknown }>(thing: T): T => {
  open.push(thing);
  return thing;
};

async function start(options: Partial<SwitchHostOptions> = {}): Promise<SwitchHost> {
  return keep(
    await SwitchHost.open(new SilentDiagnostics(), {
      listen: { host: '127.0.0.1', port: 0 },
      subnet: parseSubnet('10.0.2.0/24')!,
      forwards: [],
      uplink: null,
      gateway: true,
      outbound: true,
      hostLoopback: false,
      resolver: null,
      capture: null,
      ...options,
    }),
  );
}

async function taken(): Promise<{ server: Server; port: number }> {
  const server = keep(createServer());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

describe('guests on the switch', () => {
  it('talk to each other, one frame to a message', async () => {
    const host = await start();
    const a = keep(await FrameSource.open(host.url));
    const b = keep(await FrameSource.open(host.url));
    a.send(frame(broadcastMac, A));
    await expect.poll(() => b.received.length).toBe(1);
    b.send(frame(A, B));
    await expect.poll(() => a.received.length).toBe(1);
    expect(Buffer.from(b.received[0]!).equals(frame(broadcastMac, A))).toBe(true);
  });

  it('are told why when they send text, and cost nobody else anything', async () => {
    const host = await start();
    const a = keep(await FrameSource.open(host.url));
    const b = keep(await FrameSource.open(host.url));
    a.send('{"hello":true}');
    await expect.poll(() => a.closedWith).toEqual({ code: 1003, reason: 'binary frames only' });
    expect(b.closedWith).toBeNull();
    await expect.poll(() => host.status().ports.length).toBe(2);
  });

  it('are cut off for messages no frame can be, and counted for those that are only too long', async () => {
    const host = await start();
    const a = keep(await FrameSource.open(host.url));
    a.send(new Uint8Array(5));
    a.send(new Uint8Array(9_000));
    const dropped = (): unknown =>
      host.status().ports.find(({ name }) => name !== 'gateway')?.dropped;
    await expect.poll(dropped).toEqual({ runt: 1, oversized: 1 });
    a.send(new Uint8Array(100_000));
    await expect.poll(() => a.closedWith?.code).toBe(1009);
  });

  it('are forgotten at once when they go', async () => {
    const host = await start();
    const a = await FrameSource.open(host.url);
    a.send(frame(broadcastMac, A));
    await expect.poll(() => host.status().addressCount).toBe(1);
    a.close();
    await expect.poll(() => host.status().addressCount).toBe(0);
    expect(host.status().ports.map(({ name }) => name)).toEqual(['gateway']);
  });

  it('that never read lose frames, and hold up nobody', async () => {
    const host = await start();
    const a = keep(await FrameSource.open(host.url));
    const lazy = keep(connect(Number(new URL(host.url).port), '127.0.0.1')) as Socket & {
      close(): void;
    };
    lazy.close = () => lazy.destroy();
    lazy.write(
      'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await new Promise((resolve) => lazy.once('data', resolve));
    lazy.pause();
    const c = keep(await FrameSource.open(host.url));
    c.send(frame(broadcastMac, B));
    await expect.poll(() => a.received.length).toBe(1);
    const dropped = (): number =>
      host.status().ports.reduce((sum, port) => sum + (port.dropped.queueFull ?? 0), 0);
    // At the pace of those who do read.
    for (let sent = 100; sent <= 6_000; sent += 100) {
      for (let count = 0; count < 100; count += 1) a.send(frame(0x0600_0000_0001, A, 1_500));
      await expect.poll(() => c.received.length, { interval: 1 }).toBe(sent);
    }
    expect(dropped()).toBeGreaterThan(0);
    const waiting = host.status().ports.map(({ bufferedBytes }) => bufferedBytes);
    expect(Math.max(...waiting)).toBeLessThanOrEqual(1024 * 1024 + 100);
  }, 30_000);
});

describe('forwards', () => {
  it('say which of them cannot listen, and leave nothing open', async () => {
    const { port } = await taken();
    const forwards = [parseForward('127.0.0.1:0:80')!, parseForward(`127.0.0.1:${port}:6379`)!];
    await expect(start({ forwards })).rejects.toMatchObject({
      code: 'FTVM_FORWARD',
      message: `Cannot serve --forward 127.0.0.1:${port}:6379: cannot listen on 127.0.0.1:${port}: the port is taken`,
    });
  });

  it('refuse a guest of another subnet', async () => {
    const forwards = [parseForward('127.0.0.1:0:192.168.0.9:80')!];
    await expect(start({ forwards })).rejects.toMatchObject({ code: 'FTVM_FORWARD_GUEST' });
  });

  it('forget 2,000 clients that connect and go though there is no guest', async () => {
    const host = await start({ forwards: [parseForward('127.0.0.1:0:80')!] });
    const { port } = host.forwards[0]!;
    for (let batch = 0; batch < 10; batch += 1) {
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = connect(port, '127.0.0.1');
          socket.on('error', () => undefined);
          await new Promise((resolve) => socket.once('connect', resolve));
          socket.resetAndDestroy();
        }),
      );
    }
    await expect.poll(() => host.status().gateway?.connectionCount, { timeout: 10_000 }).toBe(0);
    expect(host.status().gateway?.connections).toEqual([]);
  });
});

it('says what it does at GET /status', async () => {
  const host = await start({ forwards: [parseForward('127.0.0.1:0:80')!] });
  const response = await fetch(`${host.url.replace('ws', 'http')}/status`);
  expect(await response.json()).toMatchObject({
    url: host.url,
    ports: [{ name: 'gateway', receivedFrames: 0 }],
    gateway: { ip: '10.0.2.2', connectionCount: 0 },
  });
});

describe("a replica's frame port", () => {
  const handlers = () => {
    const seen = { up: 0, down: [] as string[], frames: [] as Uint8Array[] };
    return {
      seen,
      up: () => void (seen.up += 1),
      down: (why: string) => void seen.down.push(why),
      frameReceived: (got: Uint8Array) => void seen.frames.push(got),
    };
  };

  it('carries frames, and comes back when the switch does', async () => {
    const first = await start();
    const replica = handlers();
    const port = keep(new WsFramePort(new NodeClock(), first.url, replica));
    port.send(frame(broadcastMac, A));
    await expect.poll(() => first.status().addressCount).toBe(1);
    const other = keep(await FrameSource.open(first.url));
    other.send(frame(A, B));
    await expect.poll(() => replica.seen.frames.length).toBe(1);

    await first.close();
    await expect.poll(() => replica.seen.down.length).toBe(1);
    port.send(frame(broadcastMac, A));
    const { hostname, port: number } = new URL(first.url);
    const second = await start({ listen: { host: hostname, port: Number(number) } });
    await expect.poll(() => replica.seen.up, { timeout: 5_000 }).toBe(2);
    // What waited is sent.
    await expect.poll(() => second.status().addressCount).toBe(1);
    expect(port.status()).toMatchObject({ isUp: true, connectCount: 2, sentFrames: 2 });
  });

  it('says that there is no switch, once, also when there never was one', async () => {
    const { server, port: number } = await taken();
    server.close();
    const replica = handlers();
    keep(new WsFramePort(new NodeClock(), `ws://127.0.0.1:${number}`, replica, { retryMsMax: 20 }));
    await expect.poll(() => replica.seen.down).toEqual(['nobody listens there']);
    await start({ listen: { host: '127.0.0.1', port: number } });
    await expect.poll(() => replica.seen.up, { timeout: 5_000 }).toBe(1);
    expect(replica.seen.down).toHaveLength(1);
  });

  it('keeps the newest frames while there is no switch, and drops the oldest', async () => {
    const { server, port: number } = await taken();
    server.close();
    const replica = handlers();
    const port = keep(new WsFramePort(new NodeClock(), `ws://127.0.0.1:${number}`, replica));
    for (let count = 0; count < 1_000; count += 1) port.send(frame(B, A));
    expect(port.status()).toMatchObject({ isUp: false, droppedFrames: 744, sentFrames: 0 });
    const host = await start({ listen: { host: '127.0.0.1', port: number } });
    await expect.poll(() => port.status().sentFrames, { timeout: 5_000 }).toBe(256);
    await expect
      .poll(() => host.status().ports.find(({ name }) => name !== 'gateway')?.receivedFrames)
      .toBe(256);
  });

  it('moves a MAC from the port of a dead primary to that of the backup', async () => {
    const host = await start();
    const primary = keep(new WsFramePort(new NodeClock(), host.url, handlers()));
    const backup = handlers();
    const backupPort = keep(new WsFramePort(new NodeClock(), host.url, backup));
    const client = keep(await FrameSource.open(host.url));
    primary.send(frame(broadcastMac, A));
    await expect.poll(() => client.received.length).toBe(1);
    await expect.poll(() => backup.seen.up).toBe(1);
    for (const announcement of announceMac(A, null)) backupPort.send(announcement);
    await expect.poll(() => client.received.length).toBe(2);
    const before = backup.seen.frames.length;
    client.send(frame(A, B));
    await expect.poll(() => backup.seen.frames.length).toBe(before + 1);
  });
});

describe('an uplink', () => {
  /** A network on the other side of the uplink. */
  async function network(port = 0) {
    const frames: Uint8Array[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      const framing = new StreamFraming((got) => frames.push(got));
      socket.on('data', (chunk) => framing.feed(chunk));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const close = (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    const send = (data: Uint8Array): void => sockets.forEach((socket) => void socket.write(data));
    return keep({ port: (server.address() as AddressInfo).port, frames, send, close, sockets });
  }

  it('is one more port: frames go both ways, and it comes back', async () => {
    const first = await network();
    const uplink = { kind: 'tcp', host: '127.0.0.1', port: first.port } as const;
    const host = await start({ uplink, gateway: false });
    await expect.poll(() => host.status().uplink?.isUp).toBe(true);
    const guest = keep(await FrameSource.open(host.url));
    guest.send(frame(broadcastMac, A));
    await expect.poll(() => first.frames.length).toBe(1);
    first.send(Buffer.concat([streamHeader(frame(A, B)), frame(A, B)]));
    await expect.poll(() => guest.received.length).toBe(1);
    await first.close();
    await expect.poll(() => host.status().uplink?.isUp).toBe(false);
    const second = await network(first.port);
    await expect.poll(() => host.status().uplink?.isUp, { timeout: 5_000 }).toBe(true);
    guest.send(frame(broadcastMac, A));
    await expect.poll(() => second.frames.length).toBe(1);
  });

  it('is dropped when it speaks something else', async () => {
    const wrong = await network();
    const uplink = { kind: 'tcp', host: '127.0.0.1', port: wrong.port } as const;
    const host = await start({ uplink, gateway: false });
    await expect.poll(() => wrong.sockets.size).toBe(1);
    wrong.send(new TextEncoder().encode('220 mail.example ESMTP'));
    await expect.poll(() => wrong.sockets.size, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(host.status().ports.every(({ addressCount }) => addressCount === 0)).toBe(true);
  });
});
