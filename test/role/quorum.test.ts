import { describe, expect, it } from 'vitest';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import type { SeatAnswer } from '../../src/arbiter/seat.js';
import { Backup } from '../../src/role/backup.js';
import { Election } from '../../src/role/election.js';
import { ackedByQuorum, acksNeeded, votesNeeded } from '../../src/role/quorum.js';
import { Standing } from '../../src/role/standing.js';
import { DrivenBackup, generationOf } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import { consoleOf, helloOf, identityOf, powerOn, settingsOf } from './settings.js';

describe('the arithmetic', () => {
  it('any members that may take over include one of any that output waits for', () => {
    for (let members = 1; members <= 8; members += 1) {
      const acks = acksNeeded(members);
      const quorum = {
        acks,
        members: Array.from({ length: members }, (_, i) => memberOf(`b${i}`)),
      };
      expect(acks + votesNeeded(quorum)).toBe(members + 1);
      // With the primary, a majority.
      expect((acks + 1) * 2).toBeGreaterThan(members + 1);
    }
  });

  it('covers what enough have acknowledged, and everything when nobody is there', () => {
    const of = (...acked: number[]): number =>
      ackedByQuorum(
        acked.map((each) => ({ acked: each })),
        100,
      );
    expect([of(), of(7), of(7, 50), of(7, 50, 60), of(1, 2, 3, 4), of(200)]).toEqual([
      100, 7, 50, 50, 3, 100,
    ]);
  });
});

function memberOf(replica: string, seat = `1.${replica}`) {
  return { identity: identityOf(replica), seat };
}
function recordOf(generation: number, replicas: readonly string[]): GenerationRecord {
  const members = replicas.map((replica) => memberOf(replica));
  const quorum = { acks: acksNeeded(members.length), members };
  return { ...generationOf(generation, replicas), quorum };
}

/** A primary that waits for a majority, with two members: peers 1 and 2. */
function quorumPrimary(): DrivenPrimary {
  const redundancy = { backups: 2, commit: 'quorum' } as const;
  const primary = new DrivenPrimary({}, { ...powerOn, redundancy });
  for (const peer of [1, 2]) {
    primary.joinInSync(peer);
    if (peer === 2) primary.ack(1);
    primary.pass(5, peer === 1 ? [1] : [1, 2]);
    primary.answerClaim({ kind: 'won' });
  }
  return primary;
}

describe('a primary that waits for a majority', () => {
  it('names its members in a generation before they count', () => {
    const primary = quorumPrimary();
    const claims = primary.of('claim');
    expect(claims.map(({ reason, inSync }) => [reason, inSync])).toEqual([
      ['backupJoined', ['b1']],
      ['backupJoined', ['b1', 'b2']],
    ]);
    expect(claims[1]?.quorum).toEqual({
      acks: 1,
      members: [
        { identity: identityOf('b1'), seat: '1.1' },
        { identity: identityOf('b2'), seat: '1.2' },
      ],
    });
    expect(primary.sent(2, 'inSync').map(({ generation }) => generation)).toEqual([3]);
  });

  it('names nobody who has not said that it has its state', () => {
    const redundancy = { backups: 1, commit: 'quorum' } as const;
    const primary = new DrivenPrimary({}, { ...powerOn, redundancy });
    primary.joinCatchingUp(1);
    primary.pass(20);
    expect(primary.of('claim')).toEqual([]);
    primary.ack(1);
    expect(primary.of('claim')).toHaveLength(1);
  });

  it('releases with the faster of two, and without the slower', () => {
    const primary = quorumPrimary();
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('');
    primary.ack(2);
    expect(primary.console).toBe('a');
  });

  it('goes on while the claim of a generation without one is not answered, if both rules are met', () => {
    const primary = quorumPrimary();
    primary.ack(2);
    primary.ack(1);
    primary.lose(1);
    expect(primary.of('claim').at(-1)).toMatchObject({ reason: 'backupLost', inSync: ['b2'] });
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('');
    primary.ack(2);
    expect(primary.console).toBe('a');
  });

  it('does not leave the members to one that lacks what has left', () => {
    const primary = quorumPrimary();
    primary.ack(1);
    primary.ack(2);
    primary.run(consoleOf('a'));
    primary.ack(2);
    const before = primary.of('claim').length;
    primary.lose(2);
    primary.pass(20, [1]);
    expect(primary.of('claim')).toHaveLength(before);
    primary.ack(1);
    expect(primary.of('claim').at(-1)).toMatchObject({ reason: 'backupLost', inSync: ['b1'] });
  });

  it('halts when somebody else has the generation', () => {
    const primary = quorumPrimary();
    primary.lose(1);
    primary.answerClaim({ kind: 'lost', holder: generationOf(4, [], 'b2') });
    expect(primary.of('end')[0]?.end).toMatchObject({ kind: 'lostClaim' });
  });

  it('is not slowed down for the slower one', () => {
    const primary = quorumPrimary();
    for (let i = 0; i < 100; i += 1) {
      primary.run();
      primary.pass(10, [1, 2]);
      primary.ack(2);
    }
    expect(primary.role.status(primary.nowMs).sharePercent).toBe(100);
    expect(primary.stateOf(1)).toBe('inSync');
  });

  it('refuses a backup with a journal', () => {
    const redundancy = { backups: 1, commit: 'quorum' } as const;
    const primary = new DrivenPrimary({}, { ...powerOn, redundancy });
    primary.say(1, { ...helloOf('b1'), keepsJournal: true });
    expect(primary.sent(1, 'refusal')[0]?.code).toBe('FTVM_QUORUM_JOURNAL');
  });
});

describe('an election', () => {
  const three = recordOf(5, ['b1', 'b2', 'b3']);
  function electionOf(record: GenerationRecord): Election {
    const election = new Election({ replica: 'b1', primary: 'p', seat: '1.b1', received: 50 }, 0);
    expect(election.read(record)).toBe(true);
    return election;
  }
  const left = (replica: string, received: number): SeatAnswer => {
    return { seat: `1.${replica}`, hasLeft: true, received };
  };

  it('is won with enough others who have left, and know no more', () => {
    const election = electionOf(three);
    expect(election.wonIn).toBe(null);
    election.answered('b2', left('b2', 51), 10);
    expect(election.wonIn).toBe(null);
    election.answered('b3', left('b3', 50), 10);
    expect(election.wonIn).toBe(5);
  });

  it('is won at once by the only member', () => {
    expect(electionOf(recordOf(5, ['b1'])).wonIn).toBe(5);
  });

  it.each([
    ['follows yet', { seat: '1.b2', hasLeft: false, received: 10 }],
    ['has another seat', { seat: '2.b2', hasLeft: true, received: 10 }],
    ['has none', 'none'],
    ['is gone', 'gone'],
    ['is silent', 'silent'],
  ] as const)('counts nobody who %s', (_, answer) => {
    const election = electionOf(recordOf(5, ['b1', 'b2']));
    election.answered('b2', answer, 10);
    expect(election.wonIn).toBe(null);
  });

  it('is hopeless when too many are gone, not while they are silent or know more', () => {
    const election = electionOf(three);
    election.answered('b2', 'gone', 10);
    expect(election.isHopeless).toBe(false);
    election.answered('b3', left('b3', 51), 10);
    expect(election.isHopeless).toBe(false);
    election.answered('b3', 'gone', 20);
    expect(election.isHopeless).toBe(true);
  });

  it('keeps the vote of one that has died since', () => {
    const election = electionOf(recordOf(5, ['b1', 'b2']));
    election.answered('b2', left('b2', 20), 10);
    election.answered('b2', 'gone', 20);
    expect([election.wonIn, election.isHopeless]).toEqual([5, false]);
  });

  it('goes on with the members of a newer generation, and is over without a seat in it', () => {
    const election = electionOf(recordOf(5, ['b1']));
    expect(election.read(three)).toBe(true);
    expect(election.read(recordOf(6, ['b1', 'b2']))).toBe(true);
    expect(election.wonIn).toBe(null);
    expect(election.read(recordOf(5, ['b1']))).toBe(true);
    expect(election.wonIn).toBe(null);
    expect(election.read(recordOf(7, ['b2', 'b3']))).toBe(false);
  });
});

describe('a backup whose primary waits for a majority', () => {
  function following(): DrivenBackup {
    const backup = new DrivenBackup();
    backup.open();
    backup.say({
      kind: 'welcome',
      identity: identityOf('p'),
      generation: 1,
      heartbeatTo: 'p:2',
      willWord: 'w',
      redundancy: { backups: 2, commit: 'quorum' },
      lineage: { liveSince: 1, before: [] },
      seat: '1.b1',
    });
    backup.state();
    return backup;
  }
  const read = (backup: DrivenBackup, latest: GenerationRecord): void => {
    backup.step({ kind: 'generationsRead', asked: 1, latest });
  };

  it('acknowledges its state, so that it can be named', () => {
    expect(following().acks()).toEqual([10]);
  });

  it('asks before it claims, says that it has left, and acknowledges nothing more', () => {
    const backup = following();
    backup.say({ kind: 'inSync', generation: 2 });
    expect(backup.role.status().seat).toEqual({ seat: '1.b1', hasLeft: false, received: 10 });
    backup.pass(600);
    expect(backup.claims).toEqual([]);
    expect(backup.role.status().seat).toEqual({ seat: '1.b1', hasLeft: true, received: 10 });
    read(backup, recordOf(3, ['b1', 'b2']));
    expect(backup.of('askMember').map(({ member }) => member.replica)).toEqual(['b2']);
    backup.record();
    expect(backup.acks()).toEqual([10]);
    const answer = { seat: '1.b2', hasLeft: true, received: 10 };
    backup.step({ kind: 'memberAnswered', replica: 'b2', answer });
    expect(backup.claims).toEqual([4]);
  });

  it('asks anew when its own primary began the generation, with it', () => {
    const backup = following();
    backup.pass(600);
    read(backup, recordOf(3, ['b1']));
    expect(backup.claims).toEqual([4]);
    backup.answerClaim({ kind: 'lost', holder: recordOf(4, ['b1', 'b2']) });
    expect(backup.claims).toEqual([4]);
    const answer = { seat: '1.b2', hasLeft: true, received: 10 };
    backup.step({ kind: 'memberAnswered', replica: 'b2', answer });
    expect(backup.claims).toEqual([4, 5]);
  });

  it('may go live when a generation names it, though it was not told', () => {
    const backup = following();
    backup.pass(600);
    read(backup, recordOf(2, ['b1']));
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(10);
    expect(backup.start?.generation).toBe(3);
    expect(backup.start?.redundancy).toEqual({ backups: 2, commit: 'quorum' });
  });

  it('joins again when no generation names it', () => {
    const backup = following();
    backup.pass(600);
    read(backup, recordOf(2, ['b2']));
    expect(backup.of('stand')).toMatchObject([{ end: { kind: 'rejoin' } }]);
  });

  /** It has given up, as no generation named it; and what it is then. */
  function standing(given = recordOf(2, ['b2'])): Standing {
    const backup = following();
    backup.pass(600);
    read(backup, given);
    for (const { identity } of given.quorum?.members ?? []) {
      const { replica } = identity;
      if (replica !== 'b1') backup.step({ kind: 'memberAnswered', replica, answer: 'gone' });
    }
    return new Standing(backup.of('stand')[0]!.kept);
  }
  const before = { seat: '1.b1', hasLeft: true, received: 10 };

  it('that has given up may vote, and greeting a primary as well, until that has welcomed it', () => {
    const { kept } = standing();
    expect(new Standing(kept).status().seat).toEqual(before);
    const role = new Backup(settingsOf('b1'), 2, 5000, kept);
    role.step({ kind: 'peerOpened', peer: 2 }, 5000);
    expect(role.status().seat).toEqual(before);
    const [effect] = role.step({ kind: 'peerEnded', peer: 2, why: 'refused' }, 5001);
    expect(effect?.kind === 'stand' && effect.kept.last.seat?.seat).toBe('1.b1');
  });

  it('that has given up asks for votes when a claim of its primary took its time and names it', () => {
    const role = standing();
    expect(role.isMemberOf(recordOf(2, ['b2']))).toBe(false);
    expect(role.isMemberOf({ ...recordOf(3, ['b1']), holder: identityOf('b1') })).toBe(false);
    const late = recordOf(3, ['b1', 'b2']);
    expect(role.isMemberOf(late)).toBe(true);
    const backup = new Backup(settingsOf('b1'), 2, 5000, role.kept);
    backup.elect(role.kept.last, 5000);
    const asks = backup.step({ kind: 'generationsRead', asked: 1, latest: late }, 5001);
    expect(asks.map(({ kind }) => kind)).toEqual(['askMember']);
    const answer = { seat: '1.b2', hasLeft: true, received: 10 };
    const [claim] = backup.step({ kind: 'memberAnswered', replica: 'b2', answer }, 5002);
    expect(claim).toMatchObject({ kind: 'claim', generation: 4 });
    backup.step({ kind: 'claimAnswered', generation: 4, outcome: { kind: 'won' } }, 5003);
    const live = { kind: 'vcpu', event: { kind: 'wentLive', lastEpoch: 10 } } as const;
    const effects = backup.step(live, 5004);
    const sinceLostMs = 5004 - role.kept.lostAtMs;
    expect(sinceLostMs).toBeGreaterThan(3000);
    expect(effects).toContainEqual({
      kind: 'report',
      report: { kind: 'wentLive', epoch: 10, sinceLostMs },
    });
    const start = effects.find(({ kind }) => kind === 'becomePrimary');
    expect(start).toMatchObject({ start: { redundancy: { backups: 2, commit: 'quorum' } } });
  });

  it('that was too few keeps its machine for a later generation, and does not ask again in this one', () => {
    const role = standing(recordOf(2, ['b1', 'b2']));
    expect(role.isMemberOf(recordOf(2, ['b1', 'b2']))).toBe(false);
    expect(role.isMemberOf(recordOf(3, ['b1']))).toBe(true);
  });
});
