import type { WireMessage } from '../../src/channel/wire-message.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import { Backup } from '../../src/role/backup.js';
import type { PrimaryStart, RoleEffect, RoleEnd } from '../../src/role/role-effect.js';
import type { RoleInput } from '../../src/role/role-input.js';
import type { RoleSettings } from '../../src/role/role-settings.js';
import { digestOf, identityOf, recordOf, settingsOf, snapshotOf } from './settings.js';

type Kind = RoleEffect['kind'];
type Effect<K extends Kind> = Extract<RoleEffect, { kind: K }>;

/** The link to the primary. */
export const channel = 1;

/** A backup with its inputs in the words of a test, and everything it did. */
export class DrivenBackup {
  readonly role: Backup;
  readonly effects: RoleEffect[] = [];
  nowMs = 1000;
  #sent = 0;

  constructor(changes: Partial<RoleSettings> = {}) {
    this.role = new Backup(settingsOf('b1', changes), channel, this.nowMs);
  }

  /** One that replays, with the state of epoch 10 and generation 1. */
  static replaying(changes: Partial<RoleSettings> = {}): DrivenBackup {
    const backup = new DrivenBackup(changes);
    backup.open();
    backup.welcome();
    backup.state();
    return backup;
  }
  static inSync(changes: Partial<RoleSettings> = {}): DrivenBackup {
    const backup = DrivenBackup.replaying(changes);
    backup.say({ kind: 'inSync', generation: 1 });
    return backup;
  }

  step(input: RoleInput): RoleEffect[] {
    const effects = this.role.step(input, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }
  /** Lets time pass, with the primary heard on the channel, by heartbeats, by both or not at all. */
  pass(ms: number, heard: 'channel' | 'heartbeats' | 'both' | 'silence' = 'silence'): RoleEffect[] {
    const effects: RoleEffect[] = [];
    for (const until = this.nowMs + ms; this.nowMs < until;) {
      this.nowMs += 5;
      if (heard === 'channel' || heard === 'both') effects.push(...this.say({ kind: 'keepAlive' }));
      if (heard === 'heartbeats' || heard === 'both') {
        effects.push(...this.step({ kind: 'heartbeat', from: 'p' }));
      }
      effects.push(...this.step({ kind: 'tick' }));
    }
    return effects;
  }

  // --- the primary

  open(): RoleEffect[] {
    return this.step({ kind: 'peerOpened', peer: channel });
  }
  say(message: WireMessage): RoleEffect[] {
    return this.step({ kind: 'peerMessage', peer: channel, message });
  }
  welcome(generation = 1): RoleEffect[] {
    return this.say({
      kind: 'welcome',
      identity: identityOf('p'),
      generation,
      heartbeatTo: 'p:2',
      willWord: 'word-of-p',
      lineage: { liveSince: 1, before: [] },
      redundancy: { backups: 1, commit: 'all' },
      seat: '1.1',
    });
  }
  state(epoch = 10): RoleEffect[] {
    const { state, ...header } = snapshotOf(epoch);
    this.#sent = epoch;
    return [
      ...this.say({ kind: 'stateBegin', header, stateBytes: state.byteLength }),
      ...this.say({ kind: 'statePages', offset: 0, data: state }),
      ...this.say({ kind: 'stateEnd' }),
    ];
  }
  /** The next record. */
  record(events: readonly GuestEvent[] = [], released = 0): RoleEffect[] {
    this.#sent += 1;
    const records = [recordOf(this.#sent, events)];
    return this.say({ kind: 'records', records, released, consoleReleased: 0, isAwaited: true });
  }
  closeChannel(): RoleEffect[] {
    return this.step({ kind: 'peerEnded', peer: channel, why: 'the link broke' });
  }
  probed(outcome: 'gone' | 'live' | 'silent'): RoleEffect[] {
    return this.step({ kind: 'probed', outcome });
  }

  // --- the vCPU

  ran(epoch: number, ...outputs: GuestOutput[]): RoleEffect[] {
    const after = digestOf(epoch);
    return this.step({ kind: 'vcpu', event: { kind: 'ran', epoch, outputs, after } });
  }
  crashed(epoch: number): RoleEffect[] {
    return this.step({ kind: 'vcpu', event: { kind: 'crashed', epoch, reason: 'triple fault' } });
  }
  diverged(epoch: number): RoleEffect[] {
    const digest = digestOf(epoch);
    const digests = { ours: digest, theirs: { ...digest, memoryHash: 1 } };
    const event = { kind: 'diverged', epoch, difference: 'eax', digests } as const;
    return this.step({ kind: 'vcpu', event });
  }
  wentLive(lastEpoch: number): RoleEffect[] {
    return this.step({ kind: 'vcpu', event: { kind: 'wentLive', lastEpoch } });
  }

  // --- storage

  answerClaim(outcome: Extract<RoleInput, { kind: 'claimAnswered' }>['outcome']): RoleEffect[] {
    const generation = this.of('claim').at(-1)?.generation ?? 0;
    return this.step({ kind: 'claimAnswered', generation, outcome });
  }
  answerLatest(generation: number, inSync: readonly string[] = []): RoleEffect[] {
    return this.step({
      kind: 'generationsRead',
      asked: 1,
      latest: generationOf(generation, inSync),
    });
  }

  // --- what it did

  of<K extends Kind>(kind: K): Effect<K>[] {
    return this.effects.filter((effect): effect is Effect<K> => effect.kind === kind);
  }
  get end(): RoleEnd | undefined {
    return (this.of('end')[0] ?? this.of('stand')[0])?.end;
  }
  /** With what it went live. */
  get start(): PrimaryStart | undefined {
    return this.of('becomePrimary')[0]?.start;
  }
  get claims(): number[] {
    return this.of('claim').map(({ generation }) => generation);
  }
  acks(): number[] {
    return this.of('send').flatMap(({ message }) =>
      message.kind === 'ack' ? [message.received] : [],
    );
  }
  commands(): string[] {
    return this.of('vcpu').map(({ command }) => command.kind);
  }
}

export function generationOf(generation: number, inSync: readonly string[] = [], replica = 'p') {
  const holder = identityOf(replica);
  return { generation, vm: 'vm', holder, inSync, reason: 'backupLost', claimedAt: '' } as const;
}
