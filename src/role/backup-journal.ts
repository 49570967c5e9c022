import type { Epoch } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import type { ReplayedGuest } from './replayed-guest.js';
import type { JournalCommand, RoleEffect } from './role-effect.js';
import type { JournalSettings } from './role-settings.js';

/**
 * A backup's part in its own journal: when it has to hurry, and what waits for it.
 *
 * Shape: without a journal it asks for nothing, and nothing waits.
 */
export class BackupJournal {
  readonly #settings: JournalSettings | null;
  /** What it has for good. */
  durable: Epoch = 0;

  constructor(settings: JournalSettings | undefined) {
    this.#settings = settings ?? null;
  }

  get isKept(): boolean {
    return this.#settings !== null;
  }

  tell(command: JournalCommand): RoleEffect[] {
    return this.isKept ? [{ kind: 'journal', command }] : [];
  }

  /** What is replayed is kept, and output may wait for that. */
  replayed(effects: readonly RoleEffect[]): RoleEffect[] {
    const isReplay = effects.some((effect) => effect.kind === 'vcpu');
    return isReplay && this.#settings?.sync ? this.tell({ kind: 'sync' }) : [];
  }

  /** A write to the disk waits for our journal, and the primary for us to say so. */
  ran({ outputs }: Extract<VcpuEvent, { kind: 'ran' }>): RoleEffect[] {
    return outputs.some(({ kind }) => kind === 'diskWrite') ? this.tell({ kind: 'sync' }) : [];
  }

  /** What an ack says of it. */
  acked(received: Epoch): Epoch | null {
    return this.isKept ? Math.min(this.durable, received) : null;
  }

  /** A new primary lets out at once what the old one held: where output waits for journals, ours has it. */
  hasAllOf({ received, ran, end }: ReplayedGuest): boolean {
    return !this.#settings?.sync || this.durable >= (end ? ran : received);
  }
}
