import { describe, expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import { DrivenBackup } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import { bytesOf, readOf, writeOf } from './settings.js';

const reads = { ownDisk: { use: 'reads', id: null, copies: [], chunkBytes: 4096 } } as const;
const copies = {
  ownDisk: {
    use: 'everything',
    id: 'copy',
    copies: [{ name: 'hda', bytes: 4096 }],
    chunkBytes: 4096,
  },
} as const;
const digest = new Uint8Array(32).fill(9);

const found = (requestId: number, text = 'data'): GuestEvent => ({
  kind: 'diskCompleted',
  requestId,
  result: { kind: 'read', data: bytesOf(text) },
});
const ownRead = (requestId: number): GuestEvent => ({
  kind: 'diskCompleted',
  requestId,
  result: { kind: 'ownRead' },
});
const written = (requestId: number): GuestEvent => ({
  kind: 'diskCompleted',
  requestId,
  result: { kind: 'written' },
});

/** Of the records a backup was sent: what their events carry. */
function carried(primary: DrivenPrimary, peer: number): string[] {
  return primary
    .sent(peer, 'records')
    .flatMap(({ records }) => records)
    .flatMap(({ events }) => events)
    .map((event) => (event.kind === 'diskCompleted' ? event.result.kind : event.kind));
}

/** The epochs a backup has given to its vCPU. */
function replayed(backup: DrivenBackup): number[] {
  return backup
    .of('vcpu')
    .flatMap(({ command }) => (command.kind === 'replay' ? command.records : []))
    .map(({ epoch }) => epoch);
}

describe('a primary whose backups read the shared disk themselves (§4.2)', () => {
  it('leaves out what they read, once they are awaited', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinCatchingUp(1);
    primary.run(readOf(1));
    primary.record([found(1)]);
    primary.ran();
    primary.pass(5, [1]);
    expect(carried(primary, 1)).toEqual(['read']);
    primary.ack(1);
    primary.run();
    primary.run(readOf(2));
    primary.record([found(2)]);
    primary.ran();
    primary.pass(5, [1]);
    expect(carried(primary, 1)).toEqual(['read', 'ownRead']);
  });

  it('sends the data of a read that was issued before the backup was awaited', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinCatchingUp(1);
    primary.run(readOf(1));
    primary.pass(5, [1]);
    primary.ack(1);
    primary.run();
    primary.record([found(1)]);
    primary.ran();
    primary.pass(5, [1]);
    expect(carried(primary, 1)).toEqual(['read']);
  });

  it('does not write where a backup has still to read what was there', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinInSync(1);
    primary.run(readOf(1, 512));
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    primary.record([found(1)]);
    const completedIn = primary.epoch;
    primary.ran(writeOf(2, 514), writeOf(3, 2048));
    // The backup has received it all, and has not run the epoch in which the read ends.
    primary.ack(1, primary.epoch, completedIn - 1);
    expect(primary.startedDisk).toEqual([1, 3]);
    primary.ack(1, primary.epoch, completedIn);
    expect(primary.startedDisk).toEqual([1, 3, 2]);
  });

  it('does not wait where no backup has to read: the data goes along', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinInSync(1);
    primary.run(readOf(1, 512), writeOf(2, 514));
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    // The read has ended, and no record says so yet: records may wait for this very write.
    expect(primary.startedDisk).toEqual([1]);
    primary.ack(1);
    expect(primary.startedDisk).toEqual([1, 2]);
    primary.record([found(1)]);
    primary.ran();
    primary.pass(5, [1]);
    expect(carried(primary, 1)).toEqual(['read']);
  });

  it('sends what it reads where a write has failed: two hosts may see different things there', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinInSync(1);
    primary.run(writeOf(1, 512));
    primary.ack(1);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'failed' } });
    primary.run(readOf(2, 514), readOf(3, 2048));
    primary.record([found(2), found(3)]);
    primary.ran();
    primary.pass(5, [1]);
    expect(carried(primary, 1)).toEqual(['read', 'ownRead']);
  });

  it('waits for no backup that is gone', () => {
    const primary = new DrivenPrimary(reads);
    primary.joinInSync(1);
    primary.run(readOf(1));
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    primary.record([found(1)]);
    primary.ran(writeOf(2));
    primary.ack(1, primary.epoch, primary.epoch - 1);
    expect(primary.startedDisk).toEqual([1]);
    primary.lose(1);
    primary.answerClaim({ kind: 'won' });
    expect(primary.startedDisk).toEqual([1, 2]);
  });
});

describe('a backup that reads for itself', () => {
  it('gives its vCPU a record when its own read of it has ended, and none after it before', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.ran(11, readOf(1));
    expect(backup.of('startDisk').map(({ request }) => request.id)).toEqual([1]);
    backup.record([ownRead(1)]);
    backup.record();
    expect(replayed(backup)).toEqual([11]);
    backup.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    expect(replayed(backup)).toEqual([11, 12, 13]);
    const [record] = backup.of('vcpu').flatMap(({ command }) => {
      return command.kind === 'replay' ? command.records.filter(({ epoch }) => epoch === 12) : [];
    });
    expect(record?.events).toEqual([
      { kind: 'diskCompleted', requestId: 1, result: { kind: 'read', data: digest } },
    ]);
  });

  it('tries a read again that failed here: it did not at the primary', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.ran(11, readOf(1));
    backup.record([ownRead(1)]);
    backup.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'failed' } });
    expect(replayed(backup)).toEqual([11]);
    backup.pass(110, 'both');
    expect(backup.of('startDisk').map(({ request }) => request.id)).toEqual([1, 1]);
  });

  it('does not write, and does not read where a write is not known to have ended', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.ran(11, writeOf(1), readOf(2));
    expect(backup.of('startDisk')).toEqual([]);
    backup.record([written(1)]);
    backup.record([ownRead(2)]);
    expect(backup.of('startDisk').map(({ request }) => request.id)).toEqual([2]);
  });

  it('goes live after the last record it has, however long its read takes', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.ran(11, readOf(1));
    backup.record([ownRead(1)]);
    backup.closeChannel();
    backup.probed('gone');
    backup.answerClaim({ kind: 'won' });
    expect(backup.commands()).not.toContain('goLive');
    backup.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    expect(backup.commands().slice(-2)).toEqual(['replay', 'goLive']);
  });

  it('reads on with a full log when only a later record can let the next one run (seed 61000160)', () => {
    const backup = DrivenBackup.inSync({ ...reads, logBufferBytesMax: 1000 });
    backup.record();
    backup.ran(11, writeOf(1, 512), readOf(2, 512));
    // The read waits for the write, and that for what the log says of it.
    for (let i = 0; i < 20; i += 1) backup.record([ownRead(2)]);
    expect(backup.of('pauseReading')).toEqual([]);
    backup.record([written(1)]);
    expect(backup.of('startDisk').map(({ request }) => request.id)).toEqual([2]);
    backup.record();
    expect(backup.of('pauseReading')).toHaveLength(1);
  });

  it('reads on when its guest has come to a read that waits for a record', () => {
    const backup = DrivenBackup.inSync({ ...reads, logBufferBytesMax: 1000 });
    for (let i = 0; i < 4; i += 1) backup.record();
    for (let i = 0; i < 20; i += 1) backup.record([ownRead(2)]);
    expect(backup.of('pauseReading')).toHaveLength(1);
    for (let epoch = 11; epoch <= 13; epoch += 1) backup.ran(epoch);
    expect(backup.of('resumeReading')).toEqual([]);
    backup.ran(14, writeOf(1, 512), readOf(2, 512));
    expect(backup.of('resumeReading')).toHaveLength(1);
  });

  it('has diverged if a record ends a read that its guest has not issued (seed 62001946)', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.record([ownRead(1)]);
    expect(backup.end).toBeUndefined();
    backup.ran(11);
    expect(backup.end).toMatchObject({ kind: 'rejoin', hasDiverged: true });
    expect(backup.of('send').at(-1)?.message).toMatchObject({ kind: 'diverged', epoch: 11 });
  });

  it('hands over a read that has begun: the primary it becomes does not begin it again', () => {
    const backup = DrivenBackup.inSync(reads);
    backup.record();
    backup.ran(11, readOf(1));
    backup.closeChannel();
    backup.probed('gone');
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(11);
    expect(backup.start).toMatchObject({ startedDisk: [1], lastRequestId: 1 });
    const primary = new DrivenPrimary(reads, backup.start);
    expect(primary.startedDisk).toEqual([]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
    expect(primary.commands()).toEqual(['inject']);
  });
});

describe('a primary with a disk of its own (§4.1)', () => {
  it('writes without waiting for acks: the disk is as internal as memory', () => {
    const primary = new DrivenPrimary(copies);
    primary.joinCatchingUp(1);
    primary.run(writeOf(1));
    expect(primary.startedDisk).toEqual([1]);
  });

  it('does not tell the guest of a write that failed, and tries again', () => {
    const primary = new DrivenPrimary(copies);
    primary.run(writeOf(1));
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'failed' } });
    expect(primary.commands()).not.toContain('inject');
    primary.pass(110);
    expect(primary.startedDisk).toEqual([1, 1]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    expect(primary.commands()).toContain('inject');
  });

  it('has no backup in sync before its disk is', () => {
    const primary = new DrivenPrimary(copies);
    primary.joinInSync(1);
    expect(primary.stateOf(1)).toBe('catchingUp');
    primary.say(1, { kind: 'diskSynced' });
    primary.run();
    primary.pass(5, [1]);
    primary.ack(1);
    primary.ack(1);
    expect(primary.stateOf(1)).toBe('inSync');
  });

  it('answers what differs, in the order of the writes of its guest', () => {
    const primary = new DrivenPrimary(copies);
    primary.joinCatchingUp(1);
    primary.run(writeOf(1));
    const question = { kind: 'diskAsk', drive: 'hda', offsetBytes: 0, lengthBytes: 512 } as const;
    primary.say(1, { ...question, digest, ran: primary.epoch });
    expect(primary.of('compareDisk')).toEqual([]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    const [compare] = primary.of('compareDisk');
    primary.step({ kind: 'diskCompared', requestId: compare!.request.id, found: bytesOf('new') });
    expect(primary.sent(1, 'diskAnswer')).toMatchObject([{ offsetBytes: 0, data: bytesOf('new') }]);
  });

  it('does not look before it has run as far as the backup had', () => {
    const primary = new DrivenPrimary(copies);
    primary.joinCatchingUp(1);
    primary.say(1, {
      kind: 'diskAsk',
      drive: 'hda',
      offsetBytes: 0,
      lengthBytes: 512,
      digest,
      ran: primary.epoch + 1,
    });
    expect(primary.of('compareDisk')).toEqual([]);
    primary.run();
    expect(primary.of('compareDisk')).toHaveLength(1);
  });

  it.each([
    ['beyond the end of the disk', 'hda', 4096],
    ['about a disk that is shared', 'cdrom', 0],
  ] as const)('loses a backup that asks %s', (_what, drive, offsetBytes) => {
    const primary = new DrivenPrimary(copies);
    primary.joinCatchingUp(1);
    primary.say(1, { kind: 'diskAsk', drive, offsetBytes, lengthBytes: 512, digest, ran: 0 });
    expect(primary.losses).toEqual(['it asked about a disk it has no copy of']);
  });
});

describe('a backup with a disk of its own', () => {
  /** Its disk of one chunk has been compared with the primary's. */
  function synced(): DrivenBackup {
    const backup = DrivenBackup.replaying(copies);
    const [compare] = backup.of('digestDisk');
    backup.step({ kind: 'diskDigested', chunk: compare!.chunk, digest });
    backup.say({ kind: 'diskAnswer', drive: 'hda', offsetBytes: 0, data: new Uint8Array(0) });
    return backup;
  }
  const said = (backup: DrivenBackup): string[] =>
    backup.of('send').map(({ message }) => message.kind);

  it('compares it, and says when it is as its primary’s', () => {
    const backup = synced();
    expect(said(backup)).toContain('diskAsk');
    expect(said(backup).filter((kind) => kind === 'diskSynced')).toHaveLength(1);
  });

  it('is not done before what differed is on its disk', () => {
    const backup = DrivenBackup.replaying(copies);
    const [compare] = backup.of('digestDisk');
    backup.step({ kind: 'diskDigested', chunk: compare!.chunk, digest });
    backup.say({ kind: 'diskAnswer', drive: 'hda', offsetBytes: 0, data: new Uint8Array(4096) });
    expect(said(backup)).not.toContain('diskSynced');
    const [store] = backup.of('startDisk');
    backup.step({
      kind: 'diskFinished',
      requestId: store!.request.id,
      result: { kind: 'written' },
    });
    expect(said(backup)).toContain('diskSynced');
  });

  it('writes what its guest writes', () => {
    const backup = synced();
    backup.record();
    backup.ran(11, writeOf(1));
    expect(backup.of('startDisk').map(({ request }) => request.id)).toEqual([1]);
  });

  /** Its primary is gone; the guest was told of the first write and not of the second. */
  function lostWithWrites(): DrivenBackup {
    const backup = synced();
    backup.say({ kind: 'inSync', generation: 1 });
    backup.record();
    backup.ran(11, writeOf(1), writeOf(2));
    backup.record([written(1)]);
    backup.ran(12);
    backup.closeChannel();
    backup.probed('gone');
    return backup;
  }
  const wrote = { kind: 'written' } as const;

  it('claims when its disk has what the guest was told is on it: the claim names the disk', () => {
    const backup = lostWithWrites();
    expect(backup.claims).toEqual([]);
    backup.step({ kind: 'diskFinished', requestId: 1, result: wrote });
    expect(backup.claims).toEqual([2]);
  });

  it('claims when it has run everything it has received: there may be writes in it', () => {
    const backup = synced();
    backup.say({ kind: 'inSync', generation: 1 });
    backup.record();
    backup.closeChannel();
    backup.probed('gone');
    expect(backup.claims).toEqual([]);
    backup.ran(11);
    expect(backup.claims).toEqual([2]);
  });

  it('hands over a write under way; the next on the same bytes begins when it has ended', () => {
    const backup = lostWithWrites();
    backup.step({ kind: 'diskFinished', requestId: 1, result: wrote });
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(12);
    expect(backup.start?.pendingDisk.map(({ id }) => id)).toEqual([2]);
    expect(backup.start?.startedDisk).toEqual([2]);
    const primary = new DrivenPrimary(copies, { ...backup.start });
    expect(primary.startedDisk).toEqual([]);
    primary.run(writeOf(3));
    expect(primary.startedDisk).toEqual([]);
    primary.step({ kind: 'diskFinished', requestId: 2, result: wrote });
    expect(primary.startedDisk).toEqual([3]);
  });

  it('hands over a write that has ended and the guest was not told of: it is told, once', () => {
    const backup = lostWithWrites();
    backup.step({ kind: 'diskFinished', requestId: 1, result: wrote });
    backup.step({ kind: 'diskFinished', requestId: 2, result: wrote });
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(12);
    const primary = new DrivenPrimary(copies, { ...backup.start });
    expect(primary.startedDisk).toEqual([]);
    expect(primary.of('vcpu').map(({ command }) => command)).toEqual([
      { kind: 'inject', event: written(2) },
    ]);
  });

  it.each(['different from', 'as'] as const)(
    'does not hand over what it read of a disk that was not compared yet (%s its primary’s)',
    (how) => {
      const backup = DrivenBackup.replaying(copies);
      const [compare] = backup.of('digestDisk');
      backup.record();
      backup.ran(11, readOf(1));
      backup.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'read', data: digest } });
      backup.step({ kind: 'diskDigested', chunk: compare!.chunk, digest });
      const data = new Uint8Array(how === 'as' ? 0 : 4096);
      backup.say({ kind: 'diskAnswer', drive: 'hda', offsetBytes: 0, data });
      const requestId = backup.of('startDisk').at(-1)!.request.id;
      if (how !== 'as') backup.step({ kind: 'diskFinished', requestId, result: wrote });
      backup.say({ kind: 'inSync', generation: 1 });
      backup.record();
      backup.ran(12, readOf(2, 2048));
      backup.step({ kind: 'diskFinished', requestId: 2, result: { kind: 'read', data: digest } });
      backup.closeChannel();
      backup.probed('gone');
      backup.answerClaim({ kind: 'won' });
      backup.wentLive(12);
      const primary = new DrivenPrimary(copies, { ...backup.start });
      // The first is read again; the second was read of what the primary had.
      expect(primary.startedDisk).toEqual([1]);
      expect(primary.of('vcpu').map(({ command }) => command)).toEqual([
        { kind: 'inject', event: { ...found(2), result: { kind: 'read', data: digest } } },
      ]);
    },
  );

  it('calls an answer it did not ask for what it is', () => {
    const backup = synced();
    backup.say({ kind: 'diskAnswer', drive: 'hda', offsetBytes: 0, data: new Uint8Array(0) });
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });
});
