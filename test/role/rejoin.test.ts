import { describe, expect, it } from 'vitest';
import { Backup } from '../../src/role/backup.js';
import type { RoleEffect } from '../../src/role/role-effect.js';
import { Standing, type KeptGuest } from '../../src/role/standing.js';
import { DrivenBackup, generationOf } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import {
  consoleOf,
  digestOf,
  frameOf,
  helloOf,
  identityOf,
  recordOf,
  settingsOf,
  standOf,
} from './settings.js';

type Sent = Extract<RoleEffect, { kind: 'send' }>['message'];
const sentIn = (effects: readonly RoleEffect[]): Sent[] =>
  effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));

describe('a primary', () => {
  /** Live in generation 2 since epoch 20, with the log of generation 1 from epoch 11 on behind it. */
  function tookOver(): DrivenPrimary {
    const records = Array.from({ length: 10 }, (_, i) => recordOf(11 + i));
    return new DrivenPrimary(
      {},
      {
        generation: 2,
        lastEpoch: 20,
        past: {
          lineage: { liveSince: 2, before: [{ liveSince: 1, through: 20 }] },
          records: records.map((each) => ({ ...each, before: digestOf(each.epoch - 1) })),
          after: digestOf(20),
        },
      },
    );
  }
  const rejoin = (primary: DrivenPrimary, peer: number, stand = standOf(15)): RoleEffect[] =>
    primary.say(peer, { ...helloOf(`b${peer}`), stand });

  it('sends no state to a backup that stands in its log, but the records behind that', () => {
    const primary = tookOver();
    const effects = rejoin(primary, 1);
    expect(sentIn(effects)).toMatchObject([
      { kind: 'welcome', lineage: { liveSince: 2 } },
      { kind: 'records', records: [16, 17, 18, 19, 20].map((epoch) => ({ epoch })), released: 20 },
    ]);
    expect(primary.commands()).toEqual([]);
    expect(primary.stateOf(1)).toBe('catchingUp');
    primary.record();
    primary.pass(5);
    expect(primary.sent(1, 'records').at(-1)?.records).toMatchObject([{ epoch: 21 }]);
  });

  it('waits for its acks, and then only is it in sync', () => {
    const primary = tookOver();
    rejoin(primary, 1);
    primary.run(consoleOf('hello'));
    expect(primary.console).toBe('hello');
    primary.ack(1, 20);
    expect(primary.stateOf(1)).toBe('required');
    primary.run(consoleOf(' world', 5));
    expect(primary.console).toBe('hello');
    primary.ack(1);
    expect(primary.console).toBe('hello world');
    expect(primary.sent(1, 'inSync')).toMatchObject([{ generation: 2 }]);
  });

  it('sends a state, once it is asked for, to one whose log has parted from its own', () => {
    const primary = tookOver();
    const effects = rejoin(primary, 1, standOf(21));
    expect(sentIn(effects)).toMatchObject([{ kind: 'refusal', code: 'FTVM_LOG_PARTED' }]);
    expect(primary.commands()).toEqual([]);
    primary.hello(1);
    expect(primary.commands()).toEqual(['cut']);
  });

  it('does not take a machine that is another one', () => {
    const digest = { ...digestOf(15), memoryHash: 1 };
    const effects = rejoin(tookOver(), 1, { ...standOf(15), digest });
    expect(sentIn(effects)).toMatchObject([{ code: 'FTVM_LOG_PARTED' }]);
  });

  it('takes back one whose link broke, while others have records yet to come', () => {
    const primary = tookOver();
    rejoin(primary, 1);
    rejoin(primary, 2);
    for (let i = 0; i < 3; i += 1) primary.run();
    primary.pass(5);
    primary.ack(1, 22);
    primary.lose(2);
    const effects = rejoin(primary, 3, standOf(18));
    expect(sentIn(effects).at(-1)).toMatchObject({
      kind: 'records',
      records: [19, 20, 21, 22, 23].map((epoch) => ({ epoch })),
    });
    expect(primary.losses).toEqual(['the link broke']);
  });

  it('does not call it in sync while output waits that it has not seen leave', () => {
    const primary = tookOver();
    rejoin(primary, 1);
    primary.ack(1, 20);
    primary.run(consoleOf('waits for the first'));
    rejoin(primary, 2, { ...standOf(21, 2), digest: digestOf(21) });
    primary.ack(2, 21);
    expect(primary.stateOf(2)).toBe('required');
    primary.ack(1, 21);
    primary.pass(5);
    expect(primary.stateOf(2)).toBe('inSync');
  });
});

describe('a backup', () => {
  /** In sync, has lost the claim to b2, and has run what it had but the last two records. */
  function lostTheRace(changes = {}): DrivenBackup {
    const backup = DrivenBackup.inSync(changes);
    for (let i = 0; i < 5; i += 1) backup.record();
    for (let epoch = 11; epoch <= 13; epoch += 1) backup.ran(epoch, frameOf(`frame ${epoch}`));
    backup.closeChannel();
    backup.probed('gone');
    backup.answerClaim({ kind: 'lost', holder: generationOf(2, [], 'b2') });
    return backup;
  }
  const keptBy = (backup: DrivenBackup): KeptGuest => backup.of('stand')[0]!.kept;
  function follows(kept: KeptGuest): { role: Backup; hello: Sent | undefined } {
    const role = new Backup(settingsOf('b1'), 2, 5000, kept);
    return { role, hello: sentIn(role.step({ kind: 'peerOpened', peer: 2 }, 5000))[0] };
  }
  const welcome = {
    kind: 'welcome',
    identity: identityOf('b2'),
    generation: 2,
    heartbeatTo: 'b2:2',
    willWord: '',
    redundancy: { backups: 2 },
    lineage: { liveSince: 2, before: [{ liveSince: 1, through: 17 }] },
  } as const;
  const says = (role: Backup, message: Sent): RoleEffect[] =>
    role.step({ kind: 'peerMessage', peer: 2, message }, 5001);

  it('that lost the race says where it stands, and goes on behind that', () => {
    const { role, hello } = follows(keptBy(lostTheRace()));
    expect(hello).toMatchObject({
      stand: { liveSince: 1, received: 15, ran: 13, digest: { epoch: 13 } },
    });
    const welcomed = says(role, welcome);
    expect(welcomed).toContainEqual({
      kind: 'report',
      report: { kind: 'rejoined', replica: 'b2', generation: 2, epoch: 15 },
    });
    expect(welcomed.map(({ kind }) => kind)).not.toContain('startVcpu');
    expect(role.status()).toMatchObject({ phase: 'replaying', inSync: false, rejoinedAt: 15 });
    const records = [recordOf(16)];
    const effects = says(role, {
      kind: 'records',
      records,
      released: 12,
      consoleReleased: 0,
      isAwaited: true,
    });
    expect(effects).toContainEqual({ kind: 'vcpu', command: { kind: 'replay', records } });
    expect(sentIn(effects)).toMatchObject([{ kind: 'ack', received: 16, ran: 13 }]);
  });

  it('may go live again, and says what has not left of all that it has replayed', () => {
    const { role } = follows(keptBy(lostTheRace()));
    says(role, welcome);
    says(role, { kind: 'inSync', generation: 2 });
    says(role, {
      kind: 'records',
      records: [recordOf(16)],
      released: 12,
      consoleReleased: 0,
      isAwaited: true,
    });
    role.step({ kind: 'peerEnded', peer: 2, why: 'it died' }, 5002);
    expect(role.step({ kind: 'probed', outcome: 'gone' }, 5003)).toContainEqual(
      expect.objectContaining({ kind: 'claim', generation: 3 }),
    );
    role.step({ kind: 'claimAnswered', generation: 3, outcome: { kind: 'won' } }, 5004);
    for (let epoch = 14; epoch <= 16; epoch += 1) {
      const after = digestOf(epoch);
      role.step({ kind: 'vcpu', event: { kind: 'ran', epoch, outputs: [], after } }, 5005);
    }
    const effects = role.step({ kind: 'vcpu', event: { kind: 'wentLive', lastEpoch: 16 } }, 5006);
    const start = effects.find((effect) => effect.kind === 'becomePrimary')?.start;
    expect(start?.unreleasedFrames).toHaveLength(1);
    expect(start?.past.lineage).toEqual({
      liveSince: 3,
      before: [
        { liveSince: 1, through: 17 },
        { liveSince: 2, through: 16 },
      ],
    });
    expect(start?.past.records.map(({ epoch }) => epoch)).toEqual([11, 12, 13, 14, 15, 16]);
  });

  it('that loses touch before it is welcome stands as it stood', () => {
    const { role } = follows(keptBy(lostTheRace()));
    const effects = role.step({ kind: 'peerEnded', peer: 2, why: 'refused' }, 5001);
    expect(effects).toMatchObject([{ kind: 'stand', end: { kind: 'rejoin' } }]);
  });

  it('that is told to come later stands; told that the logs have parted, it does not', () => {
    const refusal = (code: string) =>
      ({ kind: 'refusal', code, why: 'so', remedy: 'wait' }) as const;
    const later = says(follows(keptBy(lostTheRace())).role, refusal('FTVM_NOT_PRIMARY'));
    expect(later).toMatchObject([{ kind: 'stand', end: { kind: 'refused' } }]);
    const never = says(follows(keptBy(lostTheRace())).role, refusal('FTVM_LOG_PARTED'));
    expect(never).toMatchObject([{ kind: 'end', end: { kind: 'refused' } }]);
  });

  it('that was left out of a generation stands, in sync or not', () => {
    const backup = DrivenBackup.inSync();
    backup.closeChannel();
    backup.pass(105, 'heartbeats');
    backup.answerLatest(2, ['b7']);
    expect(backup.of('stand')).toHaveLength(1);
    const joining = DrivenBackup.replaying();
    joining.closeChannel();
    expect(joining.of('stand')).toHaveLength(1);
  });

  it.each([
    ['diverged', (backup: DrivenBackup) => backup.diverged(10)],
    ['was told nonsense', (backup: DrivenBackup) => backup.say({ kind: 'stateEnd' })],
  ])('that %s keeps nothing', (_what, happens) => {
    const backup = DrivenBackup.inSync();
    happens(backup);
    expect(backup.end).toMatchObject({ kind: 'rejoin' });
    expect(backup.of('stand')).toEqual([]);
  });

  it('without a machine has nothing to keep', () => {
    const backup = new DrivenBackup();
    backup.open();
    backup.welcome();
    backup.closeChannel();
    expect(backup.of('stand')).toEqual([]);
  });

  it.each(['reads', 'everything'] as const)('with %s of a disk itself keeps nothing', (use) => {
    const ownDisk = { use, id: null, copies: [], chunkBytes: 4096 };
    expect(lostTheRace({ ownDisk }).of('stand')).toEqual([]);
  });
});

describe('between two primaries', () => {
  function standing(): Standing {
    const backup = DrivenBackup.inSync();
    for (let i = 0; i < 2; i += 1) backup.record();
    backup.closeChannel();
    backup.pass(105, 'heartbeats');
    backup.answerLatest(2, ['b7']);
    return new Standing(backup.of('stand')[0]!.kept);
  }

  it('runs what it has to the end, and can tell its state then', () => {
    const role = standing();
    for (const epoch of [11, 12]) {
      const event = { kind: 'ran', epoch, outputs: [], after: digestOf(epoch) } as const;
      role.step({ kind: 'vcpu', event });
    }
    expect(role.kept.guest.stand).toEqual(standOf(12));
    expect(role.status()).toMatchObject({ phase: 'standing', inSync: false, ran: 12 });
  });

  it('is over if it has diverged', () => {
    const event = {
      kind: 'diverged',
      epoch: 11,
      difference: 'eax',
      digests: { ours: digestOf(11), theirs: digestOf(11) },
    } as const;
    const effects = standing().step({ kind: 'vcpu', event });
    expect(effects).toMatchObject([{ kind: 'end', end: { kind: 'rejoin', hasDiverged: true } }]);
  });

  it('has nowhere to go on from if its guest has crashed', () => {
    const role = standing();
    role.step({ kind: 'vcpu', event: { kind: 'crashed', epoch: 11, reason: 'triple fault' } });
    const backup = new Backup(settingsOf('b1'), 2, 5000, role.kept);
    expect(backup.step({ kind: 'peerOpened', peer: 2 }, 5000)).toMatchObject([
      { kind: 'end', end: { kind: 'rejoin' } },
    ]);
  });

  it('leaves when it is asked to, and listens to nobody', () => {
    const role = standing();
    expect(role.step({ kind: 'peerMessage', peer: 9, message: { kind: 'keepAlive' } })).toEqual([
      { kind: 'closePeer', peer: 9 },
    ]);
    expect(role.step({ kind: 'leave' })).toEqual([{ kind: 'end', end: { kind: 'left' } }]);
  });
});
