import type { FollowedDisk } from './followed-disk.js';
import type { ReplayedGuest } from './replayed-guest.js';
import type { RoleEffect } from './role-effect.js';
import type { PeerId } from './role-input.js';

/**
 * Whether a backup reads its channel: not while its log is full, for that goes when the guest runs; but
 * it does where the guest cannot run without what is to come, or it would wait for ever.
 */
export class Intake {
  readonly #peer: PeerId;
  readonly #disk: FollowedDisk;
  #isPaused = false;

  constructor(peer: PeerId, disk: FollowedDisk) {
    this.#peer = peer;
    this.#disk = disk;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Records have come. */
  received({ log }: ReplayedGuest): RoleEffect[] {
    if (this.#isPaused || !log.isFull || this.#disk.awaitsRecords) return [];
    this.#isPaused = true;
    return [{ kind: 'pauseReading', peer: this.#peer }];
  }

  /** The guest has run; one that is over has made room for good. */
  ran({ log }: ReplayedGuest): RoleEffect[] {
    if (!this.#isPaused || !(log.hasRoom || this.#disk.awaitsRecords)) return [];
    this.#isPaused = false;
    return [{ kind: 'resumeReading', peer: this.#peer }];
  }
}
