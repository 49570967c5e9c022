import { expect, it } from 'vitest';
import { arpOperation, buildArpFrame } from '../../src/network/arp-packet.js';
import { etherType } from '../../src/network/ethernet-frame.js';
import { broadcastMac } from '../../src/network/mac-address.js';
import { Chance } from './chance.js';
import { repairChecksums } from './repair-checksums.js';
import { addresses, Scene, SceneGuest } from './scene.js';

const FRAMES = 100_000;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

it(`takes ${FRAMES} mangled frames without a throw, a stall or growth (seed ${SEED})`, () => {
  const chance = new Chance(SEED);
  const scene = new Scene({ resolver: { host: '127.0.0.53', port: 53 } });
  const guest = new SceneGuest(scene);
  // Seeds: what a real conversation looks like, in both directions.
  const corpus: Uint8Array[] = [];
  const { transmit } = guest.tcp;
  guest.tcp.transmit = (frame) => {
    if (corpus.length < 300) corpus.push(frame.slice());
    transmit(frame);
  };
  guest.tcp.onConnection = (application) => {
    application.onReceived = (data) => void application.connection?.write(data.slice());
  };
  const clients = Array.from({ length: 20 }, (_, index) => scene.client(80 + index));
  for (const client of clients) client.handlers?.received(chance.bytes(1 + chance.below(5_000)));
  guest.tcp.open({ ip: 0x0808_0808 }, 443);
  scene.clock.advance(50);
  corpus.push(
    buildArpFrame(broadcastMac, {
      operation: arpOperation.request,
      senderMac: guest.mac,
      senderIp: guest.ip,
      targetMac: 0,
      targetIp: addresses.server,
    }),
    ...guest.received.splice(0),
  );
  expect(corpus.length).toBeGreaterThan(50);

  for (let count = 0; count < FRAMES; count += 1) {
    let frame: Uint8Array;
    if (chance.happens(0.1)) {
      frame = chance.bytes(chance.below(1_700));
    } else {
      frame = corpus[chance.below(corpus.length)]!.slice(
        0,
        chance.happens(0.1) ? chance.below(80) : 2_000,
      );
      const damages = chance.below(6);
      for (let damage = 0; damage < damages && frame.byteLength > 0; damage += 1) {
        frame[chance.below(Math.min(frame.byteLength, 90))] = chance.below(256);
      }
    }
    if (frame.byteLength >= 34) {
      if (chance.happens(0.9))
        frame.set([0x52, 0x55, 0x0a, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56]);
      if (chance.happens(0.6)) frame.set([etherType.ipv4 >> 8, 0, 0x45], 12);
      if (chance.happens(0.5)) frame.set([10, 0, 2, 15], 26);
      if (chance.happens(0.8)) repairChecksums(frame);
    }
    guest.send(frame);
    if (count % 100 === 0) scene.clock.advance(5);
    if (guest.received.length > 1_000) guest.received.length = 0;
  }

  const status = scene.gateway.status();
  expect(status.connectionCount).toBeLessThanOrEqual(16_384);
  expect(status.neighbourCount).toBeLessThanOrEqual(1_024);
  expect(status.udpSessionCount).toBeLessThanOrEqual(2_048);
  expect(status.leaseCount).toBeLessThanOrEqual(240);
  expect(scene.switch.addressCount).toBeLessThanOrEqual(1_026);
  expect(Object.keys(status.dropped).length).toBeGreaterThan(5);
  for (const connection of status.connections) {
    expect(connection.waitingForGuestBytes).toBeLessThan(600_000);
    expect(connection.waitingForHostBytes).toBeLessThan(600_000);
  }
  // The gateway still works for whoever behaves.
  for (const client of clients) client.handlers?.closed(false);
  guest.tcp.onConnection = (application) => {
    application.onReceived = (data) => void application.connection?.write(data.slice());
  };
  const after = scene.client(4_000);
  after.handlers?.received(new TextEncoder().encode('still here'));
  scene.clock.advance(2_000);
  expect(after.text).toBe('still here');
  scene.gateway.close();
  expect(scene.gateway.status()).toMatchObject({ connectionCount: 0, connections: [] });
});

it('is not filled up by an ARP flood from made-up neighbours', () => {
  const scene = new Scene();
  const guest = new SceneGuest(scene);
  for (let count = 0; count < 100_000; count += 1) {
    const senderMac = 0x0200_0000_0000 + count;
    guest.send(
      buildArpFrame(broadcastMac, {
        operation: arpOperation.request,
        senderMac,
        senderIp: addresses.subnet.base + 20 + (count % 200),
        targetMac: 0,
        targetIp: addresses.server,
      }),
    );
    guest.received.length = 0;
  }
  expect(scene.switch.addressCount).toBeLessThanOrEqual(1_026);
  expect(scene.gateway.status().neighbourCount).toBeLessThanOrEqual(201);
});

it('answers no more than a bounded number of SYNs, each from another port', () => {
  const scene = new Scene();
  const guest = new SceneGuest(scene);
  guest.tcp.isRefusing = true;
  for (let count = 0; count < 6_000; count += 1)
    guest.tcp.open({ ip: 0x0808_0808 + (count & 0xff) }, 443);
  scene.clock.advance(1);
  expect(scene.network.connects.length).toBeLessThanOrEqual(4_096);
});
