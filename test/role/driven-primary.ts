import type { WireMessage } from '../../src/channel/wire-message.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import { Primary } from '../../src/role/primary.js';
import type { PrimaryStart, RoleEffect } from '../../src/role/role-effect.js';
import type { PeerId, RoleInput } from '../../src/role/role-input.js';
import type { RoleSettings } from '../../src/role/role-settings.js';
import {
  digestOf,
  helloOf,
  identityOf,
  powerOn,
  recordOf,
  settingsOf,
  snapshotOf,
  textOf,
} from './settings.js';

type Kind = RoleEffect['kind'];
type Effect<K extends Kind> = Extract<RoleEffect, { kind: K }>;

/** A primary with its inputs in the words of a test, and everything it did. */
export class DrivenPrimary {
  readonly role: Primary;
  readonly effects: RoleEffect[] = [];
  nowMs = 1000;
  #epoch: number;

  constructor(changes: Partial<RoleSettings> = {}, start: Partial<PrimaryStart> = {}) {
    const from = { ...powerOn, ...start };
    this.role = new Primary(settingsOf('p', changes), from, this.nowMs);
    this.effects.push(...this.role.begin(from));
    this.#epoch = from.lastEpoch;
  }

  step(input: RoleInput): RoleEffect[] {
    const effects = this.role.step(input, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }

  /** Lets time pass; the peers in `alive` are heard and the rest is silent. */
  pass(ms: number, alive: readonly PeerId[] = []): RoleEffect[] {
    const effects: RoleEffect[] = [];
    for (const until = this.nowMs + ms; this.nowMs < until;) {
      this.nowMs += 5;
      for (const peer of alive) effects.push(...this.say(peer, { kind: 'keepAlive' }));
      effects.push(...this.step({ kind: 'tick' }));
    }
    return effects;
  }

  // --- the guest

  get epoch(): number {
    return this.#epoch;
  }
  /** The record of the next epoch. */
  record(events: readonly GuestEvent[] = []): RoleEffect[] {
    this.#epoch += 1;
    const record = recordOf(this.#epoch, events);
    return this.step({ kind: 'vcpu', event: { kind: 'recorded', record } });
  }
  ran(...outputs: GuestOutput[]): RoleEffect[] {
    const after = digestOf(this.#epoch);
    return this.step({ kind: 'vcpu', event: { kind: 'ran', epoch: this.#epoch, outputs, after } });
  }
  /** A whole epoch. */
  run(...outputs: GuestOutput[]): RoleEffect[] {
    return [...this.record(), ...this.ran(...outputs)];
  }
  cut(stateBytes?: number): RoleEffect[] {
    const effects = this.record();
    const snapshot = snapshotOf(this.#epoch, stateBytes);
    const event = { kind: 'cutTaken', epoch: this.#epoch, snapshot, pauseMs: 5 } as const;
    return [...effects, ...this.step({ kind: 'vcpu', event }), ...this.ran()];
  }

  // --- the peers

  say(peer: PeerId, message: WireMessage): RoleEffect[] {
    return this.step({ kind: 'peerMessage', peer, message });
  }
  ack(peer: PeerId, received = this.#epoch, ran = received): RoleEffect[] {
    return this.say(peer, { kind: 'ack', received, ran, durable: null });
  }
  hello(peer: PeerId, replica = `b${peer}`): RoleEffect[] {
    return this.say(peer, helloOf(replica));
  }
  lose(peer: PeerId): RoleEffect[] {
    return this.step({ kind: 'peerEnded', peer, why: 'the link broke' });
  }
  /** A backup that has the state and no record yet. */
  joinCatchingUp(peer: PeerId, replica?: string): void {
    this.hello(peer, replica);
    this.cut();
  }
  joinInSync(peer: PeerId, replica?: string): void {
    this.joinCatchingUp(peer, replica);
    this.run();
    this.pass(5);
    this.ack(peer);
    this.ack(peer);
  }

  // --- storage

  answerClaim(outcome: Extract<RoleInput, { kind: 'claimAnswered' }>['outcome']): RoleEffect[] {
    const claim = this.of('claim').at(-1);
    return this.step({ kind: 'claimAnswered', generation: claim?.generation ?? 0, outcome });
  }
  /** The latest generation is ours. */
  answerLatest(generation: number, replica = 'p', inSync: readonly string[] = []): RoleEffect[] {
    const asked = this.of('readGenerations').at(-1)?.asked ?? 0;
    return this.step({
      kind: 'generationsRead',
      asked,
      latest: {
        generation,
        vm: 'vm',
        holder: identityOf(replica),
        inSync,
        reason: 'takeover',
        claimedAt: '',
      },
    });
  }

  // --- what it did

  of<K extends Kind>(kind: K): Effect<K>[] {
    return this.effects.filter((effect): effect is Effect<K> => effect.kind === kind);
  }
  /** All the console output that has left. */
  get console(): string {
    return this.of('emitConsole')
      .map(({ bytes }) => textOf(bytes))
      .join('');
  }
  get startedDisk(): number[] {
    return this.of('startDisk').map(({ request }) => request.id);
  }
  sent<K extends WireMessage['kind']>(peer: PeerId, kind: K): Extract<WireMessage, { kind: K }>[] {
    return this.of('send')
      .filter((effect) => effect.peer === peer)
      .map(({ message }) => message)
      .filter((message): message is Extract<WireMessage, { kind: K }> => message.kind === kind);
  }
  stateOf(peer: PeerId): string | undefined {
    const name = this.role
      .status(this.nowMs)
      .backups.find(({ identity }) => identity.replica === `b${peer}`);
    return name?.state;
  }
  /** Why each backup was lost. */
  get losses(): string[] {
    return this.of('report').flatMap(({ report }) =>
      report.kind === 'backupLost' ? [report.why] : [],
    );
  }
  commands(): string[] {
    return this.of('vcpu').map(({ command }) => command.kind);
  }
}
