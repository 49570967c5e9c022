import { beforeEach, describe, expect, it } from 'vitest';
import { tcpFlag } from '../../src/network/tcp-segment.js';
import { ScriptedPeer } from './scripted-peer.js';
import { VirtualClock } from './virtual-clock.js';

const { syn, ack, fin, rst } = tcpFlag;
const bytes = (count: number): Uint8Array => new Uint8Array(count).fill(7);

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});
const established = (...args: Parameters<ScriptedPeer['establish']>): ScriptedPeer =>
  new ScriptedPeer(clock).establish(...args);

describe('opening', () => {
  it('shakes hands and says what it takes', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    const [first] = peer.sent;
    expect([first?.maximumSegmentBytes, first?.windowShift, first?.window]).toEqual([
      1460, 3, 65_535,
    ]);
    expect(peer.take()).toEqual(['SYN 0']);
    peer.guest({ flags: syn | ack, at: 0, acked: 1 });
    expect(peer.take()).toEqual(['1 ack 1']);
    expect(peer.connection.state).toBe('established');
  });

  it('repeats its SYN with growing pauses, and gives up after two minutes', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    clock.advance(3_500);
    expect(peer.take()).toEqual(['SYN 0', 'SYN 0', 'SYN 0']);
    clock.advance(130_000);
    expect(peer.application.end).toBe('silent');
    expect(peer.alarms.size).toBe(0);
  });

  it('is refused by a RST that acknowledges the SYN, and by no other', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    peer.guest({ flags: rst | ack, at: 0, acked: 5 });
    expect(peer.connection.state).toBe('synSent');
    peer.guest({ flags: rst | ack, at: 0, acked: 1 });
    expect(peer.application.end).toBe('refused');
  });

  it('makes a guest that remembers an older connection forget it', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    peer.take();
    peer.guest({ flags: ack, at: 4_000, acked: 900 });
    expect(peer.take()).toEqual(['RST 900']);
    expect(peer.connection.state).toBe('synSent');
  });

  it('opens when both sides say SYN at once', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    peer.take();
    peer.guest({ flags: syn, at: 0, mss: 1460 });
    expect(peer.take()).toEqual(['SYN 0 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 1 });
    expect(peer.connection.state).toBe('established');
  });

  it('repeats its SYN-ACK when the guest repeats its SYN', () => {
    const peer = new ScriptedPeer(clock);
    const opening = {
      sourcePort: 5,
      destinationPort: 6,
      sequence: 0xffff_ff00,
      acknowledgment: 0,
      flags: syn,
      window: 1_000,
      maximumSegmentBytes: 1460,
      windowShift: 7,
      payload: bytes(0),
    };
    peer.connection.hold(opening);
    peer.guest({ flags: syn, at: 0 });
    expect(peer.take()).toEqual([]);
    peer.connection.accept();
    peer.guest({ flags: syn, at: 0 });
    expect(peer.take()).toEqual(['SYN 0 ack 1', 'SYN 0 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 1 });
    expect(peer.application.isEstablished).toBe(true);
  });
});

describe('sending', () => {
  it('sends at once, and again after the timeout, each time later', () => {
    const peer = established();
    peer.connection.write(bytes(100));
    expect(peer.take()).toEqual(['1..101 ack 1']);
    clock.advance(1_001);
    expect(peer.take()).toEqual(['1..101 ack 1']);
    clock.advance(1_500);
    expect(peer.take()).toEqual([]);
    clock.advance(501);
    expect(peer.take()).toEqual(['1..101 ack 1']);
  });

  it('learns the round trip and keeps to 200 ms at least', () => {
    const peer = established();
    peer.connection.write(bytes(10));
    clock.advance(3);
    peer.guest({ flags: ack, at: 1, acked: 11 });
    expect(peer.connection.roundTripMs).toBe(3);
    peer.take();
    peer.connection.write(bytes(10));
    clock.advance(199);
    expect(peer.take()).toHaveLength(1);
    clock.advance(2);
    expect(peer.take()).toEqual(['11..21 ack 1']);
  });

  it('doubles what is on its way when one acknowledgment covers all of it', () => {
    const peer = established(65_000);
    peer.connection.write(bytes(1460 * 44));
    expect(peer.take()).toHaveLength(10);
    peer.guest({ flags: ack, at: 1, acked: 14_601, window: 65_000 });
    expect(peer.take()).toHaveLength(20);
  });

  it('repeats a segment on the third duplicate acknowledgment', () => {
    const peer = established();
    peer.connection.write(bytes(1460 * 6));
    expect(peer.take()).toHaveLength(6);
    peer.guest({ flags: ack, at: 1, acked: 1 });
    peer.guest({ flags: ack, at: 1, acked: 1 });
    expect(peer.take()).toEqual([]);
    peer.guest({ flags: ack, at: 1, acked: 1 });
    expect(peer.take()).toEqual(['1..1461 ack 1']);
    // A partial acknowledgment: the next one is missing as well (NewReno).
    peer.guest({ flags: ack, at: 1, acked: 2_921 });
    expect(peer.take()).toEqual(['2921..4381 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 8_761 });
    expect(peer.connection.sendBufferedBytes).toBe(0);
    expect(peer.connection.retransmittedCount).toBe(2);
  });

  it('does not take a window update for a duplicate', () => {
    const peer = established();
    peer.connection.write(bytes(1460 * 6));
    peer.take();
    for (const window of [50_000, 40_000, 30_000, 20_000]) {
      peer.guest({ flags: ack, at: 1, acked: 1, window });
    }
    expect(peer.take()).toEqual([]);
  });

  it('keeps to the window, asks about a closed one, and goes on when it opens', () => {
    const peer = established(2_000);
    peer.connection.write(bytes(5_000));
    expect(peer.take()).toEqual(['1..1461 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 1_461, window: 0 });
    expect(peer.take()).toEqual([]);
    clock.advance(1_100);
    // From before the window: the guest has to answer with where it stands.
    expect(peer.take()).toContain('1460 ack 1');
    peer.guest({ flags: ack, at: 1, acked: 1_461, window: 0 });
    clock.advance(60_000);
    expect(peer.connection.state).toBe('established');
    peer.take();
    peer.guest({ flags: ack, at: 1, acked: 1_461, window: 6_000 });
    expect(peer.take()).toEqual(['1461..2921 ack 1', '2921..4381 ack 1', '4381..5001 ack 1']);
  });

  it('does not send silly little segments, but does not starve either', () => {
    const peer = established(10_000);
    peer.connection.write(bytes(10_000));
    peer.take();
    peer.guest({ flags: ack, at: 1, acked: 10_001, window: 100 });
    peer.connection.write(bytes(5_000));
    expect(peer.take()).toEqual([]);
    clock.advance(300);
    expect(peer.take()).toEqual(['10001..10101 ack 1']);
    clock.advance(500);
    expect(peer.take()).toEqual(['10001..10101 ack 1']);
  });

  it('asks the host to pause at a full buffer, and to go on when half of it is gone', () => {
    const peer = new ScriptedPeer(clock, { sendBufferBytesMax: 20_000 }).establish();
    let drained = 0;
    peer.application.onDrained = () => (drained += 1);
    expect(peer.connection.write(bytes(15_000))).toBe(true);
    expect(peer.connection.write(bytes(10_000))).toBe(false);
    peer.guest({ flags: ack, at: 1, acked: 11_681 });
    expect(drained).toBe(0);
    peer.guest({ flags: ack, at: 1, acked: 15_001 });
    expect(drained).toBe(1);
  });

  it('ignores an acknowledgment of what it never sent, but says where it stands', () => {
    const peer = established();
    peer.guest({ flags: ack, at: 1, acked: 500 });
    expect(peer.take()).toEqual(['1 ack 1']);
    expect(peer.connection.state).toBe('established');
  });
});

describe('receiving', () => {
  it('acknowledges segments that come together once, and a lone one after 2 ms', () => {
    const peer = established();
    for (let at = 1; at < 500; at += 100) {
      peer.guest({ flags: ack, at, acked: 1, data: bytes(100) });
    }
    expect(peer.take()).toEqual([]);
    clock.advance(0);
    expect(peer.take()).toEqual(['1 ack 501']);
    peer.guest({ flags: ack, at: 501, acked: 1, data: bytes(100) });
    clock.advance(1);
    expect(peer.take()).toEqual([]);
    clock.advance(1);
    expect(peer.take()).toEqual(['1 ack 601']);
  });

  it('does not wait for the end of a long burst', () => {
    const peer = established();
    const acks: string[] = [];
    for (let at = 1; at <= 500; at += 10) {
      peer.guest({ flags: ack, at, acked: 1, data: bytes(10) });
      acks.push(...peer.take());
    }
    expect(acks).toEqual(['1 ack 441']);
  });

  it('lets an answer carry the acknowledgment', () => {
    const peer = established();
    peer.application.onReceived = () => void peer.connection.write(bytes(5));
    peer.guest({ flags: ack, at: 1, acked: 1, data: bytes(100) });
    expect(peer.take()).toEqual(['1..6 ack 101']);
    clock.advance(100);
    expect(peer.take()).toEqual([]);
  });

  it('puts segments in order and says at once what is missing', () => {
    const peer = established();
    const text = (from: number, to: number): Uint8Array =>
      Uint8Array.from({ length: to - from }, (_, index) => from + index);
    peer.guest({ flags: ack, at: 21, acked: 1, data: text(21, 31) });
    peer.guest({ flags: ack, at: 11, acked: 1, data: text(11, 25) });
    expect(peer.take()).toEqual(['1 ack 1', '1 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 1, data: text(1, 11) });
    expect(peer.take()).toEqual(['1 ack 31']);
    const received = peer.application.chunks.flatMap((chunk) => [...chunk]);
    expect(received).toEqual([...text(1, 31)]);
  });

  it('answers segments that are repeated together once, and delivers them once', () => {
    const peer = established();
    peer.guest({ flags: ack, at: 1, acked: 1, data: bytes(10) });
    peer.guest({ flags: ack, at: 1, acked: 1, data: bytes(10) });
    peer.guest({ flags: ack, at: 1, acked: 1, data: bytes(10) });
    clock.advance(0);
    expect(peer.take()).toEqual(['1 ack 11']);
    expect(peer.application.receivedBytes).toBe(10);
  });

  it('closes its window while the host does not read, and opens it again', () => {
    const peer = new ScriptedPeer(clock, { receiveBufferBytesMax: 10_000 }).establish();
    peer.application.isReading = false;
    let at = 1;
    while (at < 20_000) {
      peer.guest({ flags: ack, at, acked: 1, data: bytes(1_000) });
      at += 1_000;
    }
    expect(peer.application.receivedBytes).toBe(10_000);
    expect(peer.sent.at(-1)?.window).toBe(0);
    // A window probe gets an answer, and what it acknowledges counts.
    peer.take();
    peer.guest({ flags: ack, at: 10_000, acked: 1 });
    expect(peer.take()).toEqual(['1 ack 10001']);
    peer.connection.consumed(10_000);
    expect(peer.sent.at(-1)?.window).toBe(10_000);
  });

  it('answers a keep-alive, but not without limit', () => {
    const peer = established();
    peer.guest({ flags: ack, at: 0, acked: 1 });
    expect(peer.take()).toEqual(['1 ack 1']);
    for (let count = 0; count < 1_000; count += 1) peer.guest({ flags: ack, at: 0, acked: 1 });
    expect(peer.take().length).toBeLessThan(25);
  });
});

describe('ending', () => {
  it('says FIN after the last byte, waits, and is done after TIME_WAIT', () => {
    const peer = established();
    peer.connection.write(bytes(10));
    peer.connection.finish();
    expect(peer.take()).toEqual(['1..11 ack 1', 'FIN 11 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 12 });
    expect(peer.connection.state).toBe('finWait2');
    // Half-closed: the guest may go on for as long as it likes.
    peer.guest({ flags: ack, at: 1, acked: 12, data: bytes(20) });
    peer.guest({ flags: ack | fin, at: 21, acked: 12 });
    expect(peer.take()).toEqual(['12 ack 22']);
    expect([peer.connection.state, peer.application.end]).toEqual(['timeWait', 'finished']);
    // The guest did not hear that.
    clock.advance(9_000);
    peer.guest({ flags: ack | fin, at: 21, acked: 12 });
    clock.advance(0);
    expect(peer.take()).toEqual(['12 ack 22']);
    clock.advance(9_000);
    expect(peer.isRemoved).toBe(false);
    clock.advance(1_001);
    expect(peer.isRemoved).toBe(true);
    expect(peer.alarms.size).toBe(0);
  });

  it('goes on sending after the guest said FIN', () => {
    const peer = established();
    peer.guest({ flags: ack | fin, at: 1, acked: 1, data: bytes(5) });
    expect(peer.take()).toEqual(['1 ack 7']);
    expect([peer.connection.state, peer.application.isGuestFinished]).toEqual(['closeWait', true]);
    peer.connection.write(bytes(50));
    peer.connection.finish();
    expect(peer.connection.state).toBe('lastAck');
    expect(peer.take()).toEqual(['1..51 ack 7', 'FIN 51 ack 7']);
    peer.guest({ flags: ack, at: 7, acked: 52 });
    expect([peer.application.end, peer.isRemoved]).toEqual(['finished', true]);
  });

  it('survives that both say FIN at once', () => {
    const peer = established();
    peer.connection.finish();
    peer.guest({ flags: ack | fin, at: 1, acked: 1 });
    expect(peer.connection.state).toBe('closing');
    peer.guest({ flags: ack, at: 2, acked: 2 });
    expect(peer.connection.state).toBe('timeWait');
  });

  it('repeats its FIN until it is acknowledged', () => {
    const peer = established();
    peer.connection.finish();
    peer.take();
    clock.advance(1_001);
    expect(peer.take()).toEqual(['FIN 1 ack 1']);
  });

  it('waits for data before a FIN that came early', () => {
    const peer = established();
    peer.guest({ flags: ack | fin, at: 11, acked: 1, data: bytes(10) });
    expect(peer.application.isGuestFinished).toBe(false);
    peer.guest({ flags: ack, at: 1, acked: 1, data: bytes(10) });
    expect(peer.application.isGuestFinished).toBe(true);
    expect(peer.take().at(-1)).toBe('1 ack 22');
  });

  it('takes a RST at the exact place only (RFC 5961)', () => {
    const peer = established();
    peer.guest({ flags: rst, at: 100_000 });
    expect(peer.take()).toEqual([]);
    peer.guest({ flags: rst, at: 50 });
    expect(peer.take()).toEqual(['1 ack 1']);
    peer.guest({ flags: rst, at: 1 });
    expect(peer.application.end).toBe('reset');
    expect(peer.alarms.size).toBe(0);
  });

  it('challenges a SYN in the middle of a connection', () => {
    const peer = established();
    peer.guest({ flags: syn, at: 10 });
    expect(peer.take()).toEqual(['1 ack 1']);
    expect(peer.connection.state).toBe('established');
  });

  it.each(['established', 'finWait1', 'finWait2', 'closeWait', 'closing', 'lastAck'] as const)(
    'a RST ends it in %s',
    (state) => {
      const peer = established();
      if (state === 'closeWait' || state === 'lastAck')
        peer.guest({ flags: ack | fin, at: 1, acked: 1 });
      if (state !== 'established' && state !== 'closeWait') peer.connection.finish();
      if (state === 'finWait2') peer.guest({ flags: ack, at: 1, acked: 2 });
      if (state === 'closing') peer.guest({ flags: ack | fin, at: 1, acked: 1 });
      expect(peer.connection.state).toBe(state);
      peer.guest({ flags: rst | ack, at: peer.application.isGuestFinished ? 2 : 1, acked: 1 });
      expect([peer.application.end, peer.isRemoved]).toEqual(['reset', true]);
    },
  );

  it('tells the guest with a RST when the host breaks off', () => {
    const peer = established();
    peer.connection.write(bytes(10));
    peer.take();
    peer.connection.abort();
    expect(peer.take()).toEqual(['RST 11 ack 1']);
    expect([peer.isRemoved, peer.application.end]).toEqual([true, null]);
  });

  it('keeps an idle connection alive, and gives up on a guest silent for a quarter of an hour', () => {
    const peer = established();
    clock.advance(61_000);
    expect(peer.take()).toEqual(['0 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 1 });
    clock.advance(14 * 60_000);
    expect(peer.connection.state).toBe('established');
    clock.advance(3 * 60_000);
    expect(peer.application.end).toBe('silent');
  });
});

describe('failover', () => {
  it('repeats at once what is outstanding, however long it has backed off', () => {
    const peer = established();
    peer.connection.write(bytes(4_000));
    clock.advance(60_000);
    peer.take();
    peer.connection.guestMoved();
    expect(peer.take()).toEqual(['1..1461 ack 1', '1461..2921 ack 1', '2921..4001 ack 1']);
    // And soon again: the new host may not have been ready.
    clock.advance(51);
    expect(peer.take()).toEqual(['1..1461 ack 1']);
    peer.guest({ flags: ack, at: 1, acked: 4_001 });
    expect(peer.connection.sendBufferedBytes).toBe(0);
  });

  it('jumps over what had arrived before the move', () => {
    const peer = established();
    peer.connection.write(bytes(1460 * 8));
    peer.take();
    peer.connection.guestMoved();
    expect(peer.take()).toHaveLength(8);
    peer.guest({ flags: ack, at: 1, acked: 1460 * 7 + 1 });
    for (let count = 0; count < 7; count += 1) {
      peer.guest({ flags: ack, at: 1, acked: 1460 * 7 + 1 });
    }
    // Those duplicates answer our repetition: no loss, no fast retransmission.
    expect(peer.take()).toEqual([]);
    peer.guest({ flags: ack, at: 1, acked: 1460 * 8 + 1 });
    expect(peer.connection.sendBufferedBytes).toBe(0);
  });

  it('asks an idle guest where it stands, and finds out that it was restarted', () => {
    const peer = established();
    peer.connection.guestMoved();
    expect(peer.take()).toEqual(['0 ack 1']);
    peer.guest({ flags: rst, at: 1 });
    expect(peer.application.end).toBe('reset');
  });

  it('repeats a SYN that went to the old host', () => {
    const peer = new ScriptedPeer(clock);
    peer.connection.connect();
    peer.connection.guestMoved();
    expect(peer.take()).toEqual(['SYN 0', 'SYN 0']);
  });
});

it('understands sequence numbers that wrap around, in both directions', () => {
  const peer = established();
  for (let sent = 0; sent < 2_000; sent += 100) {
    peer.connection.write(bytes(100));
    peer.guest({ flags: ack, at: sent + 1, acked: sent + 101, data: bytes(100) });
  }
  expect(peer.application.receivedBytes).toBe(2_000);
  expect(peer.connection.sendBufferedBytes).toBe(0);
});
