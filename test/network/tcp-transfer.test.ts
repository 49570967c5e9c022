import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { TcpSettings } from '../../src/network/tcp-settings.js';
import { Chance } from './chance.js';
import { LossyWire, type WireFaults } from './lossy-wire.js';
import { TcpHost, type Application } from './tcp-host.js';
import { VirtualClock } from './virtual-clock.js';

const sha = (bytes: Iterable<Uint8Array>): string => {
  const hash = createHash('sha256');
  for (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
};

function pair(seed: number, faults: WireFaults, settings: Partial<TcpSettings> = {}) {
  const clock = new VirtualClock();
  const chance = new Chance(seed);
  const left = new TcpHost(clock, 0x0a000202, { ip: 0x0a00020f, mac: 2 }, settings);
  const right = new TcpHost(clock, 0x0a00020f, { ip: 0x0a000202, mac: 1 }, settings);
  const toRight = new LossyWire(clock, chance, faults, (frame) => right.receive(frame));
  const toLeft = new LossyWire(clock, chance, faults, (frame) => left.receive(frame));
  left.transmit = (frame) => toRight.send(frame);
  right.transmit = (frame) => toLeft.send(frame);
  return { clock, chance, left, right, toLeft, toRight };
}

/** Writes all of `data` as room allows, then FIN. */
function pour(application: Application, data: Uint8Array, chance: Chance): void {
  let at = 0;
  const more = (): void => {
    while (at < data.byteLength) {
      const piece = data.subarray(at, at + 1 + chance.below(40_000));
      at += piece.byteLength;
      if (!application.connection!.write(piece)) return;
    }
    application.connection!.finish();
  };
  application.onDrained = more;
  more();
}

const weather: [string, WireFaults, number][] = [
  ['a clean cable', {}, 4_000_000],
  ['1 % loss', { loss: 0.01 }, 2_000_000],
  ['10 % loss', { loss: 0.1 }, 500_000],
  ['duplicates', { duplication: 0.2 }, 2_000_000],
  ['reordering', { reordering: 0.2 }, 2_000_000],
  ['all of it', { loss: 0.05, duplication: 0.1, reordering: 0.1 }, 1_000_000],
];

it.each(weather)('moves megabytes both ways at once over %s', (_name, faults, bytes) => {
  for (const seed of [1, 2, 3]) {
    const { clock, chance, left, right } = pair(seed, faults);
    const up = chance.bytes(bytes);
    const down = chance.bytes(bytes);
    let server: Application | null = null;
    right.onConnection = (application) => {
      server = application;
      pour(application, down, chance);
    };
    const client = left.open(right, 80);
    pour(client, up, chance);
    const isDone = (): boolean => client.end !== null && server?.end != null;
    const inTime = clock.runUntil(isDone, 600_000);
    expect({ seed, inTime, client: client.end, server: server!.end }).toEqual({
      seed,
      inTime: true,
      client: 'finished',
      server: 'finished',
    });
    expect(sha(client.chunks)).toBe(sha([down]));
    expect(sha(server!.chunks)).toBe(sha([up]));
    clock.advance(60_000);
    expect([left.stack.size, right.stack.size]).toEqual([0, 0]);
    expect([left.alarms.size, right.alarms.size]).toEqual([0, 0]);
    if (process.env.SHOW)
      console.log(_name, seed, (clock.nowMs() - 61000).toFixed(0), 'ms virtual');
  }
});
