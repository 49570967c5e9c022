import { beforeEach, describe, expect, it } from 'vitest';
import { newFrame } from '../../src/network/ethernet-frame.js';
import { broadcastMac } from '../../src/network/mac-address.js';
import {
  VirtualSwitch,
  type PortOptions,
  type SwitchPort,
} from '../../src/network/virtual-switch.js';
import { VirtualClock } from './virtual-clock.js';

let clock: VirtualClock;
let learned: number[];
let hub: VirtualSwitch;
beforeEach(() => {
  clock = new VirtualClock();
  learned = [];
  hub = new VirtualSwitch(clock, (mac) => learned.push(mac));
});

interface Cable {
  readonly port: SwitchPort;
  readonly got: Uint8Array[];
  buffered: number;
}

function plug(name: string, options: Partial<PortOptions> = {}): Cable {
  const got: Uint8Array[] = [];
  const cable = { got, buffered: 0 };
  const outlet = {
    send: (frame: Uint8Array) => void got.push(frame),
    bufferedBytes: () => cable.buffered,
  };
  return Object.assign(cable, { port: hub.attach(outlet, { name, ...options }) });
}

const A = 0x02_00_00_00_00_0a;
const B = 0x02_00_00_00_00_0b;
const frame = (to: number, from: number, bytes = 60): Uint8Array =>
  newFrame(to, from, 0x88b5, bytes - 14);

it('floods what it does not know, and learns from who speaks', () => {
  const [a, b, c] = [plug('a'), plug('b'), plug('c')];
  a.port.receive(frame(B, A));
  expect([a.got, b.got, c.got].map((got) => got.length)).toEqual([0, 1, 1]);
  b.port.receive(frame(A, B));
  a.port.receive(frame(B, A));
  expect([a.got, b.got, c.got].map((got) => got.length)).toEqual([1, 2, 1]);
  expect(learned).toEqual([A, B]);
});

it('sends broadcasts to everybody but the one who spoke', () => {
  const [a, b, c] = [plug('a'), plug('b'), plug('c')];
  a.port.receive(frame(broadcastMac, A));
  expect([a.got, b.got, c.got].map((got) => got.length)).toEqual([0, 1, 1]);
});

it('forgets an address after five minutes of silence', () => {
  const [a, b, c] = [plug('a'), plug('b'), plug('c')];
  b.port.receive(frame(A, B));
  c.got.length = 0;
  clock.advance(299_000);
  a.port.receive(frame(B, A));
  expect(c.got).toHaveLength(0);
  clock.advance(302_000);
  a.port.receive(frame(B, A));
  expect(c.got).toHaveLength(1);
});

it('forgets a port at once when it dies', () => {
  const [a, b] = [plug('a'), plug('b')];
  b.port.receive(frame(A, B));
  b.port.detach();
  const c = plug('c');
  a.port.receive(frame(B, A));
  expect([b.got.length, c.got.length]).toEqual([0, 1]);
  b.port.receive(frame(A, B));
  expect(a.got).toHaveLength(1);
  expect(hub.portCount).toBe(2);
});

it('moves an address at once when another port speaks with it, and says so', () => {
  const [a, b, c] = [plug('a'), plug('b'), plug('c')];
  b.port.receive(frame(A, B));
  c.port.receive(frame(broadcastMac, B));
  const before = c.got.length;
  a.port.receive(frame(B, A));
  expect([b.got.filter((got) => got[5] === 0x0b).length, c.got.length - before]).toEqual([0, 1]);
  expect(learned).toEqual([B, B, A]);
});

it('keeps frames for a port within its queue, and counts what it dropped', () => {
  const a = plug('a');
  const b = plug('b', { queueBytesMax: 1_000 });
  b.port.receive(frame(A, B));
  b.buffered = 950;
  a.port.receive(frame(B, A));
  expect(b.got).toHaveLength(0);
  expect(b.port.status().dropped).toEqual({ queueFull: 1 });
  b.buffered = 0;
  a.port.receive(frame(B, A));
  expect(b.got).toHaveLength(1);
});

describe('bad input', () => {
  it('drops runts, giants and impossible senders, each under its name', () => {
    const [a, b] = [plug('a'), plug('b')];
    a.port.receive(new Uint8Array(13));
    a.port.receive(frame(B, A, 1_519));
    a.port.receive(frame(B, broadcastMac));
    a.port.receive(frame(B, 0));
    a.port.receive(frame(0x0180_c200_0000, A));
    expect(b.got).toHaveLength(0);
    expect(a.port.status().dropped).toEqual({ runt: 1, oversized: 1, groupSource: 2, reserved: 1 });
    a.port.receive(frame(B, A, 1_518));
    a.port.receive(frame(B, A).subarray(0, 14));
    expect(b.got).toHaveLength(2);
  });

  it("takes nobody else's word for the gateway's address", () => {
    const gateway = plug('gateway', { ownMac: B });
    const [a, c] = [plug('a'), plug('c')];
    a.port.receive(frame(A, B));
    expect(a.port.status().dropped).toEqual({ foreignSource: 1 });
    c.port.receive(frame(B, A));
    expect([gateway.got.length, a.got.length]).toEqual([1, 0]);
  });

  it('learns a bounded number of addresses, and lets nobody crowd out others', () => {
    const [a, b] = [plug('a'), plug('b')];
    b.port.receive(frame(A, B));
    for (let mac = 1; mac < 50_000; mac += 1) a.port.receive(frame(B, 0x0600_0000_0000 + mac));
    expect(hub.addressCount).toBe(1_025);
    const c = plug('c');
    a.port.receive(frame(B, A));
    expect(c.got).toHaveLength(0);
    clock.advance(301_000);
    a.port.receive(frame(B, A));
    expect(hub.addressCount).toBeLessThan(3);
  });

  it('slows down a port that floods, not what is meant for one', () => {
    const a = plug('a', { floodsPerSecondMax: 100 });
    const b = plug('b');
    b.port.receive(frame(A, B));
    for (let count = 0; count < 10_000; count += 1) a.port.receive(frame(broadcastMac, A));
    expect(b.got).toHaveLength(2_000);
    expect(a.port.status().dropped).toEqual({ flood: 8_000 });
    a.port.receive(frame(B, A));
    expect(b.got).toHaveLength(2_001);
    clock.advance(1_000);
    for (let count = 0; count < 1_000; count += 1) a.port.receive(frame(broadcastMac, A));
    expect(b.got.length).toBeLessThanOrEqual(2_102);
  });
});
