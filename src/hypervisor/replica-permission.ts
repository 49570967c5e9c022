import type { GenerationRecord, ReplicaIdentity } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { HolderProbe } from '../host/holder-probe.js';
import type { RoleEffect } from '../role/role-effect.js';
import type { RoleInput } from '../role/role-input.js';
import type { RoleSettings } from '../role/role-settings.js';
import type { Generation } from '../units.js';
import { unreachable } from '../unreachable.js';
import { holderFacts } from './holder-facts.js';

interface PermissionHost {
  readonly clock: Clock;
  readonly diagnostics: Diagnostics;
  readonly generations: GenerationStore;
  readonly probe: HolderProbe;
}

type Claim = Extract<RoleEffect, { kind: 'claim' }>;
type PermissionEffect =
  Claim | Extract<RoleEffect, { kind: 'readGenerations' | 'probePrimary' | 'askMember' }>;

/** Who gets the answers. */
interface PermissionAsker {
  readonly feed: (input: RoleInput) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Who may be live, as one replica asks it, and who is, as far as it knows: the generations of its VM, and
 * whether the primary is there.
 *
 * Shape:  each question is answered by an input for the role, later.
 * Errors: storage that cannot be used or understood is neither a yes nor a no; only bugs fail it.
 */
export class ReplicaPermission {
  readonly #host: PermissionHost;
  readonly #settings: RoleSettings;
  readonly #asker: PermissionAsker;
  #generation: Generation = 0;
  #primary: ReplicaIdentity | null = null;
  /** Said once, though it is asked again every second. */
  #lastDoubt = '';

  constructor(host: PermissionHost, settings: RoleSettings, asker: PermissionAsker) {
    this.#host = host;
    this.#settings = settings;
    this.#asker = asker;
  }

  get generation(): Generation {
    return this.#generation;
  }
  get primary(): ReplicaIdentity | null {
    return this.#primary;
  }
  /** It is ours, and not live yet. */
  begins(generation: Generation): void {
    this.#generation = generation;
  }
  live(generation: Generation, primary: ReplicaIdentity): void {
    this.#generation = generation;
    this.#primary = primary;
  }

  async obey(effect: PermissionEffect): Promise<void> {
    try {
      switch (effect.kind) {
        case 'claim': {
          const answer = await this.#claim(effect);
          if (answer.outcome.kind === 'won') this.#generation = effect.generation;
          return this.#asker.feed(answer);
        }
        case 'readGenerations':
          return this.#asker.feed(await this.#latest(effect.asked));
        case 'probePrimary': {
          const primary = this.#primary;
          if (!primary) return;
          const answer = await this.#probe(primary);
          // That another one is gone is no news of the one we follow now.
          if (this.#primary === primary) this.#asker.feed(answer);
          return;
        }
        case 'askMember':
          return this.#asker.feed(await this.#askMember(effect.member));
        default:
          unreachable(effect);
      }
    } catch (error) {
      this.#asker.fail(error);
    }
  }

  async #claim({
    generation,
    inSync,
    quorum,
    handedOverBy,
    reason,
  }: Claim): Promise<Extract<RoleInput, { kind: 'claimAnswered' }>> {
    const { clock, generations } = this.#host;
    const record: GenerationRecord = {
      generation,
      vm: this.#settings.self.vm,
      holder: this.#settings.self.identity,
      inSync,
      reason,
      claimedAt: new Date(clock.wallClockMs()).toISOString(),
      ...holderFacts(this.#settings),
      ...(quorum && { quorum }),
      ...(handedOverBy && { handedOverBy }),
    };
    try {
      return { kind: 'claimAnswered', generation, outcome: await generations.claim(record) };
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
      // A file that cannot be understood: wait, and ask again.
      const outcome = { kind: 'unreachable', why: error.message } as const;
      return { kind: 'claimAnswered', generation, outcome };
    }
  }

  async #latest(asked: number): Promise<RoleInput> {
    const { diagnostics, generations } = this.#host;
    try {
      const latest = await generations.latest();
      if (latest.kind === 'none') {
        diagnostics.warn('The generations of this VM are gone from the shared disk');
      }
      const found = latest.kind === 'found' ? latest.record : 'unreachable';
      return { kind: 'generationsRead', asked, latest: found };
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
      if (error.message !== this.#lastDoubt) {
        this.#lastDoubt = error.message;
        diagnostics.warn(error.message);
      }
      return { kind: 'generationsRead', asked, latest: 'unreachable' };
    }
  }

  async #askMember(member: ReplicaIdentity): Promise<RoleInput> {
    const answer = await this.#host.probe.seatOf(member);
    return { kind: 'memberAnswered', replica: member.replica, answer };
  }

  async #probe(primary: ReplicaIdentity): Promise<RoleInput> {
    return { kind: 'probed', outcome: await this.#host.probe.probe(primary) };
  }
}
