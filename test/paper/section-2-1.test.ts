import { describe, expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import { decodeRecord, encodeRecord } from '../../src/log/log-codec.js';
import { protectedPair } from '../hypervisor/small-world.js';
import { bytesOf, plain, recordOf } from '../role/settings.js';

describe('§2.1 "Log all inputs: incoming packets, disk reads, keyboard, mouse." (1a)', () => {
  const inputs: readonly GuestEvent[] = [
    { kind: 'frameReceived', frame: bytesOf('packet') },
    { kind: 'diskCompleted', requestId: 1, result: { kind: 'read', data: bytesOf('sector') } },
    { kind: 'keysPressed', scancodes: Uint8Array.of(0x1e, 0x9e) },
    { kind: 'consoleInput', bytes: bytesOf('typed') },
    { kind: 'powerPressed' },
    { kind: 'resetPressed' },
    { kind: 'powerButtonPressed' },
    { kind: 'pausePressed' },
    { kind: 'resumePressed' },
    { kind: 'clockSet', wallClockMs: 1_795_402_599_123 },
  ];
  it.each(inputs)('$kind travels in a record with all its bytes', (event) => {
    const record = recordOf(7, [event]);
    const decoded = decodeRecord(encodeRecord(record));
    expect(decoded.events.map(plain)).toEqual([plain(event)]);
  });

  it('the data of a disk read reaches the backup in the log, not from the disk', async () => {
    const { world, a, b } = await protectedPair();
    a.type('write 3 abc');
    await world.pass(50);
    a.type('read 3');
    await world.pass(50);
    expect([a.console, b.console]).toEqual(['abc', 'abc']);
  });
});

describe('§2.1 "Deliver [events] at that same point" (1b)', () => {
  it('every event enters the backup in the epoch in which it entered the primary', async () => {
    const { world, a, b } = await protectedPair();
    for (let i = 0; i < 20; i += 1) {
      a.type(`line ${i}`);
      if (i % 3 === 0) a.type(`read ${i}`);
      await world.pass(5 * (i % 4));
    }
    await world.pass(50);
    const firstOfB = b.vcpu?.ran[0]?.epoch ?? 0;
    const ranOnA = a.vcpu?.ran.filter(({ epoch }) => epoch >= firstOfB) ?? [];
    const ranOnB = b.vcpu?.ran ?? [];
    expect(ranOnB.length).toBeGreaterThan(30);
    expect(ranOnB.map(plain)).toEqual(ranOnA.slice(0, ranOnB.length).map(plain));
  });
});

describe('§2.1 "Log non-deterministic operations (cycle counter, time of day)" (1c)', () => {
  it('each record carries the clock that its epoch starts from', () => {
    const record = { ...recordOf(7), clockMs: 1234.000321 };
    expect(decodeRecord(encodeRecord(record)).clockMs).toBe(1234.000321);
  });
});
