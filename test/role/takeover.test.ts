import { describe, expect, it } from 'vitest';
import { DrivenBackup, generationOf } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import { bytesOf, consoleOf, frameOf, readOf, textOf, writeOf } from './settings.js';

/** In sync, and sure that its primary is dead. */
function claiming(backup = DrivenBackup.inSync()): DrivenBackup {
  backup.closeChannel();
  backup.probed('gone');
  return backup;
}
const completed = (requestId: number) =>
  ({ kind: 'diskCompleted', requestId, result: { kind: 'written' } }) as const;

describe('noticing that the primary is gone', () => {
  it('asks at once when the channel closes, and claims when the process is gone', () => {
    const backup = DrivenBackup.inSync();
    expect(backup.closeChannel()).toEqual([{ kind: 'probePrimary' }]);
    backup.probed('gone');
    expect(backup.claims).toEqual([2]);
  });

  it.each(['live', 'silent'] as const)('waits when the process is %s, and heard', (outcome) => {
    const backup = DrivenBackup.inSync();
    backup.closeChannel();
    backup.probed(outcome);
    backup.pass(600, 'heartbeats');
    expect(backup.claims).toEqual([]);
    // A channel that stays away is of no use, whoever is alive.
    backup.pass(1_000, 'heartbeats');
    expect(backup.claims).toEqual([2]);
  });

  it('asks again at once while the process is dying: its port closes after its link', () => {
    const backup = DrivenBackup.inSync();
    backup.closeChannel();
    for (let i = 0; i < 3; i += 1) {
      const before = backup.of('probePrimary').length;
      backup.probed('silent');
      backup.pass(5, 'heartbeats');
      expect(backup.of('probePrimary').length).toBe(before + 1);
    }
    backup.probed('gone');
    expect(backup.claims).toEqual([2]);
  });

  it('claims on its last will at once, though the channel is open', () => {
    const backup = DrivenBackup.inSync();
    backup.step({ kind: 'lastWill', of: 'p' });
    expect(backup.claims).toEqual([2]);
  });

  it('minds no last will of anybody else', () => {
    const backup = DrivenBackup.inSync();
    backup.step({ kind: 'lastWill', of: 'another' });
    expect(backup.claims).toEqual([]);
  });

  it('leaves its own last will with the primary it follows', () => {
    const backup = DrivenBackup.inSync();
    expect(backup.of('addWill')).toEqual([{ kind: 'addWill', to: 'p:2', word: 'word-of-p' }]);
  });

  it('takes no answer of a probe for a death while the channel is open', () => {
    const backup = DrivenBackup.inSync();
    backup.probed('gone');
    expect(backup.claims).toEqual([]);
  });

  it.each([
    ['both are silent', 'silence', 510, true],
    ['the channel is heard', 'channel', 10_000, false],
    ['only heartbeats are heard, for a while', 'heartbeats', 1_400, false],
    ['only heartbeats are heard, for long', 'heartbeats', 1_600, true],
  ] as const)('%s', (_what, heard, ms, claims) => {
    const backup = DrivenBackup.inSync();
    backup.pass(ms, heard);
    expect(backup.claims).toEqual(claims ? [2] : []);
  });

  it('does not take its own sleep for the death of its primary', () => {
    const backup = DrivenBackup.inSync();
    backup.nowMs += 60_000;
    backup.step({ kind: 'tick' });
    backup.pass(400);
    expect(backup.claims).toEqual([]);
  });

  it.each(['receiving', 'replaying'])('does not claim while it is %s and not in sync', (phase) => {
    const backup = phase === 'replaying' ? DrivenBackup.replaying() : new DrivenBackup();
    backup.open();
    if (phase === 'receiving') backup.welcome();
    backup.closeChannel();
    expect(backup.claims).toEqual([]);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  it('joins again when a generation has begun without it', () => {
    const backup = DrivenBackup.inSync();
    backup.closeChannel();
    backup.pass(105, 'heartbeats');
    expect(backup.of('readGenerations')).toHaveLength(1);
    backup.answerLatest(2, ['b7']);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
  });

  it('stays when it is among those of the new generation', () => {
    const backup = DrivenBackup.inSync();
    backup.closeChannel();
    backup.pass(105, 'heartbeats');
    backup.answerLatest(2, ['b1']);
    expect(backup.end).toBeUndefined();
  });
});

describe('claiming', () => {
  it('acknowledges nothing any more: what comes now, the primary may not release', () => {
    const backup = claiming();
    const before = backup.acks().length;
    expect(backup.record()).toEqual([]);
    expect(backup.acks()).toHaveLength(before);
  });

  it('follows whoever won, if it lost', () => {
    const backup = claiming();
    const holder = generationOf(2, [], 'b2');
    backup.answerClaim({ kind: 'lost', holder });
    expect(backup.end).toEqual({ kind: 'lostClaim', holder });
    expect(backup.commands()).toEqual([]);
  });

  it('claims the next one, if its own primary began that one with it before it died', () => {
    const backup = claiming();
    backup.answerClaim({ kind: 'lost', holder: generationOf(2, ['b1']) });
    expect(backup.claims).toEqual([2, 3]);
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(10);
    expect(backup.start?.generation).toBe(3);
  });

  it('waits for storage for ever, and asks the same again', () => {
    const backup = claiming();
    for (let i = 0; i < 20; i += 1) {
      backup.answerClaim({ kind: 'unreachable', why: 'no storage' });
      backup.pass(105);
    }
    expect(new Set(backup.claims)).toEqual(new Set([2]));
    expect(backup.claims.length).toBeGreaterThan(15);
    expect(backup.commands()).toEqual([]);
    expect(backup.end).toBeUndefined();
    backup.answerClaim({ kind: 'won' });
    expect(backup.commands()).toEqual(['goLive']);
  });

  it('does not go back to following when its primary is heard again', () => {
    const backup = claiming();
    backup.answerClaim({ kind: 'unreachable', why: 'no storage' });
    backup.pass(50, 'both');
    backup.record();
    expect(backup.acks()).toEqual([]);
  });

  it('ignores the answer to a claim of another generation', () => {
    const backup = claiming();
    backup.step({ kind: 'claimAnswered', generation: 1, outcome: { kind: 'won' } });
    expect(backup.commands()).toEqual([]);
  });
});

describe('going live', () => {
  it('runs every received record first (§2.3)', () => {
    const backup = DrivenBackup.inSync();
    for (let i = 0; i < 5; i += 1) backup.record();
    backup.ran(11);
    claiming(backup).answerClaim({ kind: 'won' });
    // The vCPU goes live behind its queue; the role waits for it.
    expect(backup.start).toBeUndefined();
    for (let epoch = 12; epoch <= 15; epoch += 1) backup.ran(epoch);
    expect(backup.start).toBeUndefined();
    backup.wentLive(15);
    expect(backup.start).toMatchObject({ generation: 2, lastEpoch: 15 });
  });

  it('takes over the frames not known to have left, and no others', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    backup.ran(11, frameOf('left'));
    backup.ran(12, frameOf('waits'));
    backup.record([], 11);
    backup.ran(13);
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(13);
    expect(backup.start?.unreleasedFrames.map(textOf)).toEqual(['waits']);
  });

  it('repeats no frame that had left before it was replayed', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    backup.record([], 11);
    backup.ran(11, frameOf('left'));
    backup.ran(12, frameOf('waits'));
    backup.ran(13);
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(13);
    expect(backup.start?.unreleasedFrames.map(textOf)).toEqual(['waits']);
  });

  it('goes on with the console where the guest was', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.ran(11, consoleOf('abc', 40));
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(11);
    expect(backup.start?.consoleOffset).toBe(43);
  });

  it('ends with an error when it has diverged: a wrong machine is worse than none', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    claiming(backup).answerClaim({ kind: 'won' });
    expect(() => backup.diverged(10)).toThrow('Cannot go live');
  });

  it('waits for the answer to its claim when it diverges meanwhile: it may have been left out', () => {
    const lost = claiming();
    lost.diverged(10);
    lost.answerClaim({ kind: 'lost', holder: generationOf(2) });
    expect(lost.end?.kind).toBe('lostClaim');
    const won = claiming();
    won.diverged(10);
    expect(() => won.answerClaim({ kind: 'won' })).toThrow('Cannot go live');
  });
});

describe('disk operations that were pending (§3.4)', () => {
  it('are those issued in what has run, without those completed in what has run', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record([completed(1)]);
    backup.record();
    backup.ran(11, writeOf(1), readOf(2, 512));
    backup.ran(12, writeOf(3));
    backup.ran(13);
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(13);
    expect(backup.start?.pendingDisk.map(({ id }) => id)).toEqual([2, 3]);
  });

  it('are not completed by a record that was received and has not run', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record([completed(1)]);
    // Its issue runs after the completion was received: execution lags receipt.
    backup.ran(11, writeOf(1));
    claiming(backup).answerClaim({ kind: 'won' });
    backup.ran(12);
    backup.wentLive(12);
    expect(backup.start?.pendingDisk).toEqual([]);
  });

  it('may complete in the epoch that issues others', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record([completed(1)]);
    backup.ran(11, writeOf(1));
    backup.ran(12, writeOf(2));
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(12);
    expect(backup.start?.pendingDisk.map(({ id }) => id)).toEqual([2]);
  });

  it('survive a reboot of the guest: they were issued, so they have to happen', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.ran(11, writeOf(1), { kind: 'reboot' });
    claiming(backup).answerClaim({ kind: 'won' });
    backup.wentLive(11);
    expect(backup.start?.pendingDisk.map(({ id }) => id)).toEqual([1]);
  });

  it('are issued again before anything else, overlapping ones one after the other', () => {
    const primary = new DrivenPrimary(
      {},
      {
        generation: 2,
        lastEpoch: 20,
        pendingDisk: [writeOf(1, 0), writeOf(2, 0), readOf(3, 512)] as never,
        unreleasedFrames: [bytesOf('f')],
      },
    );
    expect(primary.of('emitFrame')).toHaveLength(1);
    expect(primary.startedDisk).toEqual([1, 3]);
    // A new write of the live guest to the same place queues behind.
    primary.run(writeOf(4, 0));
    expect(primary.startedDisk).toEqual([1, 3]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    expect(primary.startedDisk).toEqual([1, 3, 2]);
    primary.step({ kind: 'diskFinished', requestId: 2, result: { kind: 'written' } });
    expect(primary.startedDisk).toEqual([1, 3, 2, 4]);
    expect(primary.commands()).toEqual(['inject', 'inject']);
  });
});

describe('a guest that is over exactly when its primary dies', () => {
  it.each([
    ['powered off', (b: DrivenBackup) => b.ran(12, { kind: 'powerOff' }), 'poweredOff'],
    ['crashed', (b: DrivenBackup) => b.crashed(12), 'crashed'],
  ])('%s before the claim is won: is not booted again', (_what, over, kind) => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    backup.ran(11, writeOf(1));
    over(backup);
    expect(backup.end).toBeUndefined();
    claiming(backup).answerClaim({ kind: 'won' });
    expect(backup.commands()).not.toContain('goLive');
    expect(backup.start).toMatchObject({ guestEnd: { kind }, pendingDisk: [{ id: 1 }] });
  });

  it.each([
    ['powered off', (b: DrivenBackup) => b.ran(12, { kind: 'powerOff' }), 'poweredOff'],
    ['crashed', (b: DrivenBackup) => b.crashed(12), 'crashed'],
  ])('%s while it replays the rest: is not booted again', (_what, over, kind) => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    claiming(backup).answerClaim({ kind: 'won' });
    backup.ran(11, writeOf(1));
    over(backup);
    expect(backup.start).toMatchObject({ guestEnd: { kind }, pendingDisk: [{ id: 1 }] });
  });

  it('writes what was pending, then ends without a word to the vCPU', () => {
    const guestEnd = { kind: 'poweredOff', epoch: 12 } as const;
    const primary = new DrivenPrimary({}, { guestEnd, pendingDisk: [writeOf(1)] as never });
    expect(primary.startedDisk).toEqual([1]);
    expect(primary.of('end')).toEqual([]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    expect(primary.of('end')).toEqual([{ kind: 'end', end: guestEnd }]);
    expect(primary.commands()).toEqual([]);
  });

  it('ends at once when nothing is pending', () => {
    const guestEnd = { kind: 'crashed', epoch: 12, reason: 'triple fault' } as const;
    const primary = new DrivenPrimary({}, { guestEnd });
    expect(primary.of('end')).toEqual([{ kind: 'end', end: guestEnd }]);
  });
});
