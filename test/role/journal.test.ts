import { describe, expect, it } from 'vitest';
import type { RoleEffect } from '../../src/role/role-effect.js';
import { Resuming } from '../../src/role/resuming.js';
import type { RoleInput } from '../../src/role/role-input.js';
import { DrivenBackup } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import {
  consoleOf,
  helloOf,
  readOf,
  recordOf,
  settingsOf,
  snapshotOf,
  writeOf,
} from './settings.js';

const kept = { sync: false, snapshotBytes: 1_000_000, snapshotMs: 300_000 };
const synced = { ...kept, sync: true };

/** A backup that keeps a journal, in sync but for its journal. */
function joinWithJournal(primary: DrivenPrimary, peer: number): void {
  primary.step({
    kind: 'peerMessage',
    peer,
    message: { ...helloOf(`b${peer}`), keepsJournal: true },
  });
  primary.cut();
  primary.run();
  primary.pass(5);
  for (let i = 0; i < 2; i += 1) ackDurable(primary, peer, 0);
}
function ackDurable(primary: DrivenPrimary, peer: number, durable: number): void {
  const received = primary.epoch;
  primary.say(peer, { kind: 'ack', received, ran: received, durable });
}
const syncs = (effects: readonly RoleEffect[]): number =>
  effects.filter((each) => each.kind === 'journal' && each.command.kind === 'sync').length;

describe('a primary with a journal', () => {
  it('starts a write only when the log that led to it is durable', () => {
    const primary = new DrivenPrimary({ journal: kept });
    primary.run(writeOf(1), consoleOf('a'));
    expect(primary.console).toBe('a');
    expect(primary.startedDisk).toEqual([]);
    primary.step({ kind: 'journalDurable', epoch: primary.epoch - 1 });
    expect(primary.startedDisk).toEqual([]);
    primary.step({ kind: 'journalDurable', epoch: primary.epoch });
    expect(primary.startedDisk).toEqual([1]);
  });

  it('asks its journal to hurry for a write, once, and for nothing else', () => {
    const primary = new DrivenPrimary({ journal: kept });
    expect(syncs(primary.run(consoleOf('a')))).toBe(0);
    expect(syncs(primary.run(writeOf(1)))).toBe(1);
    expect(syncs(primary.pass(20))).toBe(0);
  });

  it('lets a read start at once', () => {
    const primary = new DrivenPrimary({ journal: kept });
    primary.run(readOf(1));
    expect(primary.startedDisk).toEqual([1]);
  });

  it('issues pending writes again only when its own journal has what led to them', () => {
    const pendingDisk = [writeOf(7) as never];
    const primary = new DrivenPrimary({ journal: kept }, { lastEpoch: 40, pendingDisk });
    expect(syncs(primary.effects)).toBe(1);
    expect(primary.startedDisk).toEqual([]);
    primary.step({ kind: 'journalDurable', epoch: 40 });
    expect(primary.startedDisk).toEqual([7]);
  });

  it('holds all output for it with sync', () => {
    const primary = new DrivenPrimary({ journal: synced });
    expect(syncs(primary.run(consoleOf('a')))).toBe(1);
    expect(primary.console).toBe('');
    primary.step({ kind: 'journalDurable', epoch: primary.epoch });
    expect(primary.console).toBe('a');
  });

  it('stops the guest while its disk has more to take than is kept for it', () => {
    const primary = new DrivenPrimary({ journal: kept, logBufferBytesMax: 10_000 });
    const typed = { kind: 'consoleInput', bytes: new Uint8Array(6000) } as const;
    primary.record([typed]);
    expect(primary.commands()).toEqual([]);
    primary.record([typed]);
    expect(primary.commands()).toEqual(['pause']);
    primary.step({ kind: 'journalDurable', epoch: primary.epoch });
    expect(primary.commands()).toEqual(['pause', 'resume']);
  });

  it('takes a snapshot when there is much log since the last, or it is long ago', () => {
    const primary = new DrivenPrimary({
      journal: { ...kept, snapshotMs: 1000 },
      logBufferBytesMax: 10 * kept.snapshotBytes,
    });
    primary.run();
    primary.pass(900);
    expect(primary.commands()).toEqual([]);
    primary.pass(200);
    expect(primary.commands()).toEqual(['cut']);
    primary.cut();
    const [snapshot] = primary.of('journal').filter(({ command }) => command.kind === 'snapshot');
    expect(snapshot?.command).toMatchObject({ snapshot: { epoch: primary.epoch } });
    primary.pass(2000);
    expect(primary.commands()).toEqual(['cut']);
    primary.record([{ kind: 'consoleInput', bytes: new Uint8Array(kept.snapshotBytes) }]);
    primary.pass(5);
    expect(primary.commands()).toEqual(['cut', 'cut']);
  });

  it('says in its journal that the guest is off', () => {
    const primary = new DrivenPrimary({ journal: kept });
    primary.run({ kind: 'powerOff' });
    expect(primary.of('journal').map(({ command }) => command.kind)).toContain('ended');
  });
});

describe('a primary of a backup with a journal', () => {
  it('starts a write only when the journal of the backup has it, too', () => {
    const primary = new DrivenPrimary();
    joinWithJournal(primary, 1);
    ackDurable(primary, 1, primary.epoch);
    expect(primary.stateOf(1)).toBe('inSync');
    primary.run(writeOf(1), consoleOf('a'));
    primary.pass(5);
    ackDurable(primary, 1, primary.epoch - 1);
    expect(primary.console).toBe('a');
    expect(primary.startedDisk).toEqual([]);
    ackDurable(primary, 1, primary.epoch);
    expect(primary.startedDisk).toEqual([1]);
  });

  it('tells it that it is in sync only when its journal has everything that has left', () => {
    const primary = new DrivenPrimary();
    joinWithJournal(primary, 1);
    expect(primary.stateOf(1)).toBe('required');
    ackDurable(primary, 1, primary.epoch);
    expect(primary.stateOf(1)).toBe('inSync');
  });

  it('goes on with its writes without it when it is lost, behind a claim', () => {
    const primary = new DrivenPrimary();
    joinWithJournal(primary, 1);
    ackDurable(primary, 1, primary.epoch);
    primary.run(writeOf(1));
    primary.lose(1);
    expect(primary.startedDisk).toEqual([]);
    primary.answerClaim({ kind: 'won' });
    expect(primary.startedDisk).toEqual([1]);
  });

  it('loses one whose journal does not get on', () => {
    const primary = new DrivenPrimary();
    joinWithJournal(primary, 1);
    ackDurable(primary, 1, primary.epoch);
    for (let i = 0; i < 12; i += 1) {
      const { epoch } = primary;
      primary.run();
      primary.pass(1000, [1]);
      primary.say(1, { kind: 'ack', received: primary.epoch, ran: epoch, durable: 1 });
    }
    expect(primary.losses).toEqual(['it does not get on with the log']);
  });

  it.each([
    ['more than it has', 1_000],
    ['nothing, though it keeps one', null],
  ])('loses one that says of its journal %s', (_, durable) => {
    const primary = new DrivenPrimary();
    joinWithJournal(primary, 1);
    primary.say(1, { kind: 'ack', received: primary.epoch, ran: primary.epoch, durable });
    expect(primary.losses).toHaveLength(1);
  });
});

describe('a backup with a journal', () => {
  const commands = (backup: DrivenBackup): string[] =>
    backup.of('journal').map(({ command }) => command.kind);

  it('begins it with the state it received, and notes when it is in sync', () => {
    const backup = DrivenBackup.inSync({ journal: kept });
    expect(commands(backup)).toEqual(['begin', 'member']);
  });

  it('says how far it is durable, as soon as it is', () => {
    const backup = DrivenBackup.inSync({ journal: kept });
    backup.record();
    backup.step({ kind: 'journalDurable', epoch: 11 });
    const acks = backup
      .of('send')
      .flatMap(({ message }) => (message.kind === 'ack' ? message : []));
    expect(acks.map(({ durable }) => durable)).toEqual([0, 11]);
  });

  it('hurries for a write that it replays, and for everything with sync', () => {
    const backup = DrivenBackup.inSync({ journal: kept });
    backup.record();
    expect(commands(backup)).not.toContain('sync');
    backup.ran(11, writeOf(1));
    expect(commands(backup).filter((kind) => kind === 'sync')).toHaveLength(1);
    const eager = DrivenBackup.inSync({ journal: synced });
    eager.record();
    expect(commands(eager)).toContain('sync');
  });
});

describe('a backup whose primary dies, with a journal', () => {
  const claimed = (journal: typeof kept): DrivenBackup => {
    const backup = DrivenBackup.inSync({ journal });
    backup.record();
    backup.ran(11);
    backup.step({ kind: 'lastWill', of: 'p' });
    backup.answerClaim({ kind: 'won' });
    return backup;
  };

  it('goes live only when its journal has all of the log, where output waits for that', () => {
    const backup = claimed(synced);
    expect(backup.commands()).not.toContain('goLive');
    backup.step({ kind: 'journalDurable', epoch: 10 });
    expect(backup.commands()).not.toContain('goLive');
    backup.step({ kind: 'journalDurable', epoch: 11 });
    expect(backup.commands()).toContain('goLive');
  });

  it('ends a guest that is off only then, too', () => {
    const backup = claimed(synced);
    backup.crashed(11);
    expect(backup.start).toBeUndefined();
    backup.step({ kind: 'journalDurable', epoch: 11 });
    expect(backup.start).toBeDefined();
  });

  it('goes live at once where output waits for nothing', () => {
    expect(claimed(kept).commands()).toContain('goLive');
  });
});

describe('a replica that resumes', () => {
  const step = (role: Resuming, ...inputs: RoleInput[]): RoleEffect[] =>
    inputs.flatMap((input) => role.step(input, 0));
  const ran = (epoch: number, outputs: readonly never[] = []): RoleInput => ({
    kind: 'vcpu',
    event: { kind: 'ran', epoch, outputs, after: {} as never },
  });
  const resuming = (): Resuming =>
    new Resuming(settingsOf('z'), { generation: 5, snapshot: snapshotOf(10), lastEpoch: 12 }, 0);
  const read: RoleInput = {
    kind: 'journalRead',
    records: [recordOf(11), recordOf(12)],
    isLast: true,
  };

  it('replays the log to its end, and only then goes live', () => {
    const role = resuming();
    expect(role.begin().map(({ kind }) => kind)).toEqual(['report', 'startVcpu', 'readJournal']);
    expect(step(role, read)).toMatchObject([{ kind: 'vcpu', command: { kind: 'replay' } }]);
    expect(step(role, ran(11))).toEqual([]);
    expect(step(role, ran(12))).toEqual([{ kind: 'vcpu', command: { kind: 'goLive' } }]);
    const live = step(role, { kind: 'vcpu', event: { kind: 'wentLive', lastEpoch: 12 } });
    expect(live.at(-1)).toMatchObject({
      kind: 'becomePrimary',
      start: { generation: 5, lastEpoch: 12, guestEnd: null },
    });
  });

  it('issues again what the log does not show the end of, in order', () => {
    const role = resuming();
    const completion = {
      kind: 'diskCompleted',
      requestId: 1,
      result: { kind: 'written' },
    } as const;
    role.begin();
    const records = [recordOf(11), recordOf(12, [completion])];
    step(role, { ...read, records });
    step(role, ran(11, [writeOf(1), writeOf(2), readOf(3)] as never), ran(12));
    const live = step(role, { kind: 'vcpu', event: { kind: 'wentLive', lastEpoch: 12 } });
    const [start] = live.flatMap((each) => (each.kind === 'becomePrimary' ? each.start : []));
    expect(start?.pendingDisk.map(({ id }) => id)).toEqual([2, 3]);
  });

  it('ends with a guest that had ended', () => {
    const role = resuming();
    role.begin();
    step(role, read, ran(11), ran(12, [{ kind: 'powerOff' }] as never));
    const live = step(role, { kind: 'vcpu', event: { kind: 'wentLive', lastEpoch: 12 } });
    expect(live.at(-1)).toMatchObject({ start: { guestEnd: { kind: 'poweredOff', epoch: 12 } } });
  });

  it('does not go live as another machine', () => {
    const role = resuming();
    role.begin();
    const diverged = { kind: 'diverged', epoch: 11, difference: 'eax', digest: {} } as never;
    expect(() => step(role, read, { kind: 'vcpu', event: diverged })).toThrow(/went another way/);
  });
});
