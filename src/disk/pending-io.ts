import type { DiskRequest } from '../guest/disk-request.js';
import type { GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';

/**
 * Disk operations a replayed guest has issued and whose completion is not in the log: what a backup
 * issues again when it goes live (FT paper §3.4). Safe twice: each names its bytes, and overlapping
 * ones keep their order.
 *
 * Shape:  in issue order.
 */
export class PendingIo {
  readonly #pending = new Map<number, DiskRequest>();

  issued(outputs: readonly GuestOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'diskRead' || output.kind === 'diskWrite') {
        this.#pending.set(output.id, output);
      }
    }
  }

  completed(events: readonly GuestEvent[]): void {
    for (const event of events) {
      if (event.kind === 'diskCompleted') this.#pending.delete(event.requestId);
    }
  }

  requests(): DiskRequest[] {
    return [...this.#pending.values()];
  }
}
