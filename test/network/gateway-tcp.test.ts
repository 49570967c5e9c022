import { beforeEach, describe, expect, it } from 'vitest';
import { announceMac } from '../../src/network/mac-announcement.js';
import { defaultTcpSettings } from '../../src/network/tcp-settings.js';
import { Scene, SceneGuest, addresses, GUEST_MAC } from './scene.js';
import type { Application } from './tcp-host.js';

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
let scene: Scene;
let guest: SceneGuest;
beforeEach(() => {
  scene = new Scene();
  guest = new SceneGuest(scene);
});

/** A server in the guest that answers everything with itself. */
function echo(of = guest): Application[] {
  const connections: Application[] = [];
  of.tcp.onConnection = (application) => {
    connections.push(application);
    application.onReceived = (data) => void application.connection?.write(data.slice());
  };
  return connections;
}

describe('a forward', () => {
  it('carries a request to the guest, finding it by ARP, and the answer back', () => {
    echo();
    const client = scene.client(80);
    client.handlers?.received(text('hello'));
    scene.clock.advance(1);
    expect(client.text).toBe('hello');
    expect(scene.gateway.status().connections).toMatchObject([
      {
        name: '127.0.0.1:40080 → 10.0.2.15:80',
        state: 'established',
        toGuestBytes: 5,
        fromGuestBytes: 5,
      },
    ]);
  });

  it('passes half-closes on, and ends when both sides have', () => {
    const servers = echo();
    const client = scene.client(80);
    client.handlers?.finished();
    scene.clock.advance(10);
    const [server] = servers;
    expect(server?.isGuestFinished).toBe(true);
    server?.connection?.write(text('late'));
    server?.connection?.finish();
    scene.clock.advance(10);
    expect([client.text, client.isFinished, client.isAborted]).toEqual(['late', true, false]);
    client.handlers?.closed(true);
    expect(scene.gateway.status().connections).toEqual([]);
    scene.clock.advance(20_000);
    expect(scene.gateway.status().connectionCount).toBe(0);
  });

  it('passes a reset on in both directions', () => {
    const servers = echo();
    const first = scene.client(80);
    const second = scene.client(80);
    scene.clock.advance(1);
    servers[0]?.connection?.abort();
    scene.clock.advance(1);
    expect(first.isAborted).toBe(true);
    second.handlers?.closed(false);
    expect(servers[1]?.end).toBe('reset');
    expect(scene.gateway.status().connectionCount).toBe(0);
  });

  it('breaks the client off when the guest has no such service', () => {
    guest.tcp.isRefusing = true;
    const client = scene.client(80);
    scene.clock.advance(1);
    expect(client.isAborted).toBe(true);
    expect(scene.gateway.status()).toMatchObject({ connections: [], connectionCount: 0 });
  });

  it('breaks the client off when there is no guest, after two minutes of looking for it', () => {
    guest.port?.detach();
    const client = scene.client(80);
    scene.clock.advance(100_000);
    expect(client.isAborted).toBe(false);
    scene.clock.advance(40_000);
    expect(client.isAborted).toBe(true);
  });

  it('pauses the client when the guest does not read, and holds no more than its buffers', () => {
    const servers: Application[] = [];
    guest.tcp.onConnection = (application) => {
      application.isReading = false;
      servers.push(application);
    };
    const client = scene.client(80);
    let offered = 0;
    while (!client.isPaused) {
      client.handlers?.received(new Uint8Array(10_000));
      offered += 10_000;
      scene.clock.advance(5);
    }
    expect(offered).toBeLessThan(defaultTcpSettings.sendBufferBytesMax + 300_000);
    scene.clock.advance(600_000);
    const [status] = scene.gateway.status().connections;
    expect(status).toMatchObject({ state: 'established' });
    expect(status!.waitingForGuestBytes).toBeLessThan(
      defaultTcpSettings.sendBufferBytesMax + 20_000,
    );
    // It reads after all, ten minutes later.
    servers[0]!.isReading = true;
    servers[0]!.connection?.consumed(servers[0]!.receivedBytes);
    scene.clock.advance(10_000);
    expect([servers[0]!.receivedBytes, client.isPaused]).toEqual([offered, false]);
  });

  it('makes the guest wait when the client does not read', () => {
    const servers = echo();
    const client = scene.client(80);
    scene.clock.advance(1);
    client.isTaking = false;
    servers[0]!.connection?.write(new Uint8Array(1_000_000));
    scene.clock.advance(60_000);
    expect(client.writtenBytes).toBeLessThanOrEqual(256 * 1024);
    client.isTaking = true;
    client.handlers?.drained();
    scene.clock.advance(10_000);
    expect(client.writtenBytes).toBe(1_000_000);
  });

  it('forgets 10,000 clients that come and go, some before they are connected', () => {
    const servers = echo();
    for (let count = 0; count < 10_000; count += 1) {
      const client = scene.client(80);
      if (count % 3 === 0) client.handlers?.received(text('x'));
      if (count % 100 === 0) scene.clock.advance(1);
      if (count % 5 === 0) client.handlers?.finished();
      client.handlers?.closed(false);
    }
    scene.clock.advance(1_000);
    expect(scene.gateway.status()).toMatchObject({ connections: [], connectionCount: 0 });
    expect(servers.every((server) => server.end === 'reset')).toBe(true);
    // A timer of the gateway's neighbours at most: nothing of the connections.
    expect(scene.clock.timerCount).toBeLessThan(3);
  });
});

describe('failover', () => {
  it('goes on at another port within milliseconds, though frames were lost', () => {
    const servers = echo();
    const client = scene.client(80);
    client.handlers?.received(text('one '));
    scene.clock.advance(5);
    // The host of the primary dies; what is sent now is sent to nobody.
    guest.isDeaf = true;
    client.handlers?.received(text('two '));
    scene.clock.advance(400);
    guest.port?.detach();
    guest.isDeaf = false;
    guest.plugIn(scene, 'backup');
    const [rarp] = announceMac(guest.mac, null);
    guest.send(rarp!);
    scene.clock.advance(1);
    expect(client.text).toBe('one two ');
    expect(servers).toHaveLength(1);
    expect(scene.learned.filter((mac) => mac === GUEST_MAC)).toHaveLength(2);
  });

  it('moves while the old port still seems alive', () => {
    echo();
    const client = scene.client(80);
    scene.clock.advance(5);
    const oldPort = guest.port;
    guest.plugIn(scene, 'backup');
    client.handlers?.received(text('lost?'));
    for (const frame of announceMac(guest.mac, guest.ip)) guest.send(frame);
    scene.clock.advance(1);
    expect(client.text).toBe('lost?');
    const [, before, after] = scene.switch.ports();
    expect([before?.addressCount, after?.addressCount]).toEqual([0, 1]);
    oldPort?.detach();
    client.handlers?.received(text(' no'));
    scene.clock.advance(1);
    expect(client.text).toBe('lost? no');
  });

  it('lives with frames that the new primary repeats', () => {
    const servers = echo();
    const client = scene.client(80);
    client.handlers?.received(text('abc'));
    scene.clock.advance(1);
    const said: Uint8Array[] = [];
    const { transmit } = guest.tcp;
    guest.tcp.transmit = (frame) => {
      said.push(frame.slice());
      transmit(frame);
    };
    servers[0]!.connection?.write(text('def'));
    scene.clock.advance(10);
    for (const frame of [...said, ...said]) transmit(frame);
    scene.clock.advance(10);
    expect(client.text).toBe('abcdef');
  });

  it('keeps connections of a guest that is away for minutes', () => {
    echo();
    const client = scene.client(80);
    scene.clock.advance(5);
    guest.isDeaf = true;
    guest.port?.detach();
    client.handlers?.received(text('still there?'));
    scene.clock.advance(10 * 60_000);
    expect(client.isAborted).toBe(false);
    guest.isDeaf = false;
    guest.plugIn(scene);
    for (const frame of announceMac(guest.mac, guest.ip)) guest.send(frame);
    scene.clock.advance(1);
    expect(client.text).toBe('still there?');
  });
});

describe('outbound', () => {
  const outside = { ip: 0x5db8_d822, port: 80 };

  it("answers the guest's SYN when the host has connected, and relays", () => {
    const application = guest.tcp.open(outside, 80);
    scene.clock.advance(50);
    expect(application.isEstablished).toBe(false);
    const [connect] = scene.network.connects;
    expect(connect?.to).toEqual({ host: '93.184.216.34', port: 80 });
    connect?.handlers.connected();
    expect(application.isEstablished).toBe(true);
    application.connection?.write(text('GET'));
    connect?.handlers.received(text('200'));
    scene.clock.advance(5);
    expect([connect?.stream.text, application.receivedBytes]).toEqual(['GET', 3]);
  });

  it('refuses the guest what the host could not reach', () => {
    const application = guest.tcp.open(outside, 80);
    scene.clock.advance(1);
    scene.network.connects[0]?.handlers.closed(false);
    scene.clock.advance(1);
    expect(application.end).toBe('refused');
    expect(scene.gateway.status()).toMatchObject({ connections: [], connectionCount: 0 });
  });

  it.each([
    ['the host by way of the gateway', addresses.server],
    ['the host itself', 0x7f00_0001],
    ['link-local addresses', 0xa9fe_a9fe],
    ['multicast', 0xe000_0001],
    ['a neighbour, who is on the switch', addresses.guest + 1],
  ])('keeps a guest from %s', (_name, ip) => {
    const application = guest.tcp.open({ ip }, 22);
    scene.clock.advance(5);
    expect(scene.network.connects).toEqual([]);
    expect(application.end).toBe('refused');
  });

  it('reaches the loopback of the host if told so, and nothing at all if told that', () => {
    const open = new Scene({ hostLoopback: true });
    new SceneGuest(open).tcp.open({ ip: addresses.server }, 22);
    open.clock.advance(1);
    expect(open.network.connects[0]?.to).toEqual({ host: '127.0.0.1', port: 22 });
    const closed = new Scene({ isOpen: false });
    new SceneGuest(closed).tcp.open(outside, 22);
    closed.clock.advance(1);
    expect(closed.network.connects).toEqual([]);
  });
});
