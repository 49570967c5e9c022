import { describe, expect, it } from 'vitest';
import type { WireMessage } from '../../src/channel/wire-message.js';
import { DrivenBackup } from './driven-backup.js';
import {
  bytesOf,
  consoleOf,
  frameOf,
  helloOf,
  identityOf,
  recordOf,
  snapshotOf,
} from './settings.js';

const { state, ...header } = snapshotOf(10);
const welcome: WireMessage = {
  kind: 'welcome',
  identity: identityOf('p'),
  generation: 1,
  heartbeatTo: '',
  willWord: '',
  lineage: { liveSince: 1, before: [] },
  redundancy: { backups: 1, commit: 'all' },
  seat: '1.1',
};
const refusal: WireMessage = { kind: 'refusal', code: 'FTVM_X', why: 'no', remedy: 'none' };
const stateBegin: WireMessage = { kind: 'stateBegin', header, stateBytes: state.byteLength };
const statePages: WireMessage = { kind: 'statePages', offset: 0, data: state };
const stateEnd: WireMessage = { kind: 'stateEnd' };
const records: WireMessage = {
  kind: 'records',
  records: [recordOf(11)],
  released: 0,
  consoleReleased: 0,
  isAwaited: true,
};
const inSync: WireMessage = { kind: 'inSync', generation: 1 };
const poweredOff: WireMessage = { kind: 'goodbye', end: { kind: 'poweredOff', epoch: 10 } };
const ofABackup: readonly WireMessage[] = [
  helloOf('x'),
  { kind: 'ack', received: 0, ran: 0, durable: null },
  { kind: 'stateAck', receivedBytes: 0 },
  { kind: 'diverged', epoch: 1, difference: 'eax' },
];

describe('joining', () => {
  it('says who it is when the link is open, then takes welcome, state and records', () => {
    const backup = new DrivenBackup();
    expect(backup.open()).toMatchObject([{ kind: 'send', message: { kind: 'hello', vm: 'vm' } }]);
    backup.welcome();
    backup.state();
    expect(backup.of('startVcpu')[0]?.snapshot).toEqual(snapshotOf(10));
    backup.record();
    expect(backup.acks()).toEqual([11]);
    expect(backup.commands()).toEqual(['replay']);
  });

  it('ends with the words of a refusal', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.say(refusal);
    expect(backup.end).toEqual({ kind: 'refused', refusal });
  });

  it('waits for a link that takes long to open, and not for a primary that does not answer', () => {
    const backup = new DrivenBackup();
    backup.pass(3_000);
    expect(backup.end).toBeUndefined();
    backup.open();
    backup.pass(600);
    expect(backup.end?.kind).toBe('rejoin');
  });
});

describe('a message at the wrong time ends in a new start, not in a crash', () => {
  const wrongInGreeting = [stateBegin, statePages, stateEnd, records, inSync, poweredOff];
  it.each([...wrongInGreeting, ...ofABackup])('$kind before a welcome', (message) => {
    const backup = new DrivenBackup();
    backup.open();
    backup.say(message);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
    expect(backup.of('closePeer')).toHaveLength(1);
  });

  const wrongInReceiving = [welcome, refusal, statePages, stateEnd, records, inSync];
  it.each([...wrongInReceiving, ...ofABackup])('$kind instead of a state', (message) => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.say(message);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  it('a second state', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.say(stateBegin);
    backup.say(stateBegin);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  const wrongInReplaying = [welcome, refusal, stateBegin, statePages, stateEnd];
  it.each([...wrongInReplaying, ...ofABackup])('$kind while it replays, in sync', (message) => {
    const backup = DrivenBackup.inSync();
    backup.say(message);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
    // The primary is alive, after a fashion: it is for it to go on without us.
    expect(backup.claims).toEqual([]);
  });

  it.each([
    ['a gap', [12]],
    ['a duplicate', [11, 11]],
    ['an old record', [10]],
    ['records out of order', [12, 11]],
  ])('%s in the records', (_what, epochs) => {
    const backup = DrivenBackup.inSync();
    const wrong = epochs.map((epoch) => recordOf(epoch));
    backup.say({
      kind: 'records',
      records: wrong,
      released: 0,
      consoleReleased: 0,
      isAwaited: true,
    });
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
    expect(backup.acks()).toEqual([]);
    expect(backup.commands()).toEqual([]);
  });

  it('pages outside of the state', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.say(stateBegin);
    backup.say({ kind: 'statePages', offset: 1, data: state });
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  it('a state larger than the machine, of which nothing is allocated', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.say({ kind: 'stateBegin', header, stateBytes: 2 ** 32 });
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  it('a generation that goes back', () => {
    const backup = DrivenBackup.inSync();
    backup.say({ kind: 'inSync', generation: 3 });
    backup.say(inSync);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });
});

describe('a link that is not the one to its primary', () => {
  it('says nothing to a backup, and its end is not the end of the primary', () => {
    const backup = DrivenBackup.inSync();
    for (const message of [poweredOff, inSync, records, welcome, refusal]) {
      const effects = backup.step({ kind: 'peerMessage', peer: 99, message });
      expect(effects).toEqual([{ kind: 'closePeer', peer: 99 }]);
    }
    expect(backup.step({ kind: 'peerEnded', peer: 99, why: 'it left' })).toEqual([]);
    expect(backup.acks()).toEqual([]);
    backup.pass(100, 'both');
    expect(backup.of('probePrimary')).toEqual([]);
    expect(backup.end).toBeUndefined();
  });
});

describe('replaying', () => {
  it('acknowledges on receipt, and again when it has run further (§3.2)', () => {
    const backup = DrivenBackup.replaying();
    backup.record();
    expect(backup.acks()).toEqual([11]);
    backup.ran(11);
    backup.pass(5, 'both');
    const last = backup.of('send').at(-1)?.message;
    expect(last).toEqual({ kind: 'ack', received: 11, ran: 11, durable: null });
    backup.pass(20, 'both');
    expect(backup.acks()).toHaveLength(2);
  });

  it('drops its output, but shows the console (§2.2)', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.ran(11, consoleOf('a'), frameOf('f'), {
      kind: 'diskWrite',
      id: 1,
      drive: 'hda',
      offsetBytes: 0,
      data: bytesOf('w'),
    });
    expect(backup.of('emitConsole')).toHaveLength(1);
    expect(backup.of('emitFrame')).toEqual([]);
    expect(backup.of('startDisk')).toEqual([]);
  });

  it('stops reading when its buffer is full, and goes on when it has run some (§3.2)', () => {
    const backup = DrivenBackup.inSync();
    const big = [{ kind: 'consoleInput', bytes: new Uint8Array(16 * 1024) }] as const;
    for (let i = 0; i < 5; i += 1) backup.record(big);
    expect(backup.of('pauseReading')).toHaveLength(1);
    // The silence while it does not read is its own.
    backup.pass(10_000, 'heartbeats');
    expect(backup.claims).toEqual([]);
    for (let epoch = 11; epoch <= 13; epoch += 1) backup.ran(epoch);
    expect(backup.of('resumeReading')).toHaveLength(1);
  });

  it('goes on reading when its guest crashed behind a full buffer: the goodbye is still to come', () => {
    const backup = DrivenBackup.inSync();
    const big = [{ kind: 'consoleInput', bytes: new Uint8Array(16 * 1024) }] as const;
    for (let i = 0; i < 5; i += 1) backup.record(big);
    backup.ran(11);
    expect(backup.of('resumeReading')).toEqual([]);
    backup.crashed(15);
    expect(backup.of('resumeReading')).toHaveLength(1);
  });

  it('says so when it diverged, and is no backup any more', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.diverged(10);
    expect(backup.of('send').at(-1)?.message).toMatchObject({ kind: 'diverged', epoch: 10 });
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });
});

describe('the goodbye of a primary', () => {
  it('whose guest is off ends the backup when it has seen it too; nobody goes live (§3.3)', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    backup.say({ kind: 'goodbye', end: { kind: 'poweredOff', epoch: 12 } });
    backup.ran(11);
    expect(backup.end).toBeUndefined();
    backup.ran(12, { kind: 'powerOff' });
    expect(backup.end).toEqual({ kind: 'poweredOff', epoch: 12 });
    expect(backup.claims).toEqual([]);
  });

  it('keeps a backup that is far behind from going live, however long it takes', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.say({ kind: 'goodbye', end: { kind: 'crashed', epoch: 11, reason: 'triple fault' } });
    backup.closeChannel();
    backup.probed('gone');
    backup.pass(10_000);
    expect(backup.claims).toEqual([]);
    expect(backup.end).toBeUndefined();
    backup.crashed(11);
    expect(backup.end).toMatchObject({ kind: 'crashed', epoch: 11 });
  });

  it('ends a backup that gets the state', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.say(poweredOff);
    expect(backup.end).toMatchObject({ kind: 'poweredOff' });
  });

  it('does not wait for records that never came', () => {
    const backup = DrivenBackup.inSync();
    backup.say({ kind: 'goodbye', end: { kind: 'poweredOff', epoch: 99 } });
    expect(backup.end).toMatchObject({ kind: 'poweredOff' });
  });

  it('that leaves hands over to one that is in sync', () => {
    const backup = DrivenBackup.inSync();
    backup.say({ kind: 'goodbye', end: { kind: 'leaving' } });
    expect(backup.claims).toEqual([2]);
  });

  it('that leaves is the end for one that is not', () => {
    const backup = DrivenBackup.replaying();
    backup.say({ kind: 'goodbye', end: { kind: 'leaving' } });
    expect(backup.claims).toEqual([]);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });
});

describe('acks', () => {
  const idle: WireMessage = { ...records, isAwaited: false };

  it('come at once for records that an output may wait for', () => {
    const backup = DrivenBackup.inSync();
    backup.say(records);
    expect(backup.acks()).toEqual([11]);
  });
  it('come once for the records of an idle guest, when they have run', () => {
    const backup = DrivenBackup.inSync();
    backup.say({ ...idle, records: [recordOf(11), recordOf(12)] });
    backup.ran(11);
    expect(backup.acks()).toEqual([]);
    backup.ran(12);
    expect(backup.of('send').at(-1)?.message).toMatchObject({ kind: 'ack', received: 12, ran: 12 });
    backup.pass(5, 'channel');
    expect(backup.acks()).toEqual([12]);
  });
  it('do not wait for a vCPU that is slow', () => {
    const backup = DrivenBackup.inSync();
    backup.say(idle);
    backup.pass(5, 'channel');
    expect(backup.acks()).toEqual([11]);
  });
});

describe('a backup is quiet', () => {
  const isQuiet = (backup: DrivenBackup): boolean => backup.role.isQuiet(backup.nowMs);

  it('while it is heard and has said how far it is', () => {
    const backup = DrivenBackup.inSync();
    expect(isQuiet(backup)).toBe(true);
    backup.say(records);
    backup.ran(11);
    expect(isQuiet(backup)).toBe(false);
    backup.pass(5, 'channel');
    expect(isQuiet(backup)).toBe(true);
  });
  it('but not with an ack that it owes, or a primary that has fallen silent', () => {
    const owing = DrivenBackup.inSync();
    owing.say({ ...records, isAwaited: false });
    expect(isQuiet(owing)).toBe(false);
    const alone = DrivenBackup.inSync();
    alone.pass(200);
    expect(isQuiet(alone)).toBe(false);
  });
  it('but not before it replays, or once its channel is down', () => {
    expect(isQuiet(new DrivenBackup())).toBe(false);
    const down = DrivenBackup.inSync();
    down.closeChannel();
    expect(isQuiet(down)).toBe(false);
  });
});
