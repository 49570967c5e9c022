import type { GenerationRecord, ReplicaIdentity } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { HolderProbe } from '../host/holder-probe.js';
import type { RoleEffect } from '../role/role-effect.js';
import type { RoleInput } from '../role/role-input.js';
import type { RoleSettings } from '../role/role-settings.js';
import { holderFacts } from './holder-facts.js';

interface PermissionHost {
  readonly clock: Clock;
  readonly diagnostics: Diagnostics;
  readonly generations: GenerationStore;
  readonly probe: HolderProbe;
}

/**
 * Who may be live, as one replica asks it: the generations of its VM, and whether the primary is there.
 *
 * Shape:  each question is answered by an input for the role, later.
 * Errors: storage that cannot be used or understood is neither a yes nor a no; only bugs reject.
 */
export class ReplicaPermission {
  readonly #host: PermissionHost;
  readonly #settings: RoleSettings;
  /** Said once, though it is asked again every second. */
  #lastDoubt = '';

  constructor(host: PermissionHost, settings: RoleSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  async claim({
    generation,
    inSync,
    quorum,
    handedOverBy,
    reason,
  }: Extract<RoleEffect, { kind: 'claim' }>): Promise<
    Extract<RoleInput, { kind: 'claimAnswered' }>
  > {
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

  async latest(asked: number): Promise<RoleInput> {
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

  async askMember(member: ReplicaIdentity): Promise<RoleInput> {
    const answer = await this.#host.probe.seatOf(member);
    return { kind: 'memberAnswered', replica: member.replica, answer };
  }

  async probe(primary: ReplicaIdentity): Promise<RoleInput> {
    return { kind: 'probed', outcome: await this.#host.probe.probe(primary) };
  }
}
