import { keysOf } from '../guest/keyboard-layout.js';
import type { Clock } from '../host/clock.js';

/**
 * Typed bytes on their way to the guest's keyboard, as keys that somebody presses one after the other: the
 * keyboard of a PC keeps sixteen that nobody has read yet.
 */
export class KeyboardInput {
  readonly #clock: Clock;
  readonly #press: (scancodes: Uint8Array) => void;
  #keys: Uint8Array[] = [];
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, press: (scancodes: Uint8Array) => void) {
    this.#clock = clock;
    this.#press = press;
  }

  /** What is over `keysMax` is dropped: nobody types that far ahead. */
  push(bytes: Uint8Array): void {
    this.#keys.push(...keysOf(bytes).slice(0, keysMax - this.#keys.length));
    if (!this.#cancel) this.#next();
  }

  stop(): void {
    this.#cancel?.();
    this.#keys = [];
  }

  #next(): void {
    this.#cancel = null;
    const key = this.#keys.shift();
    if (!key) return;
    this.#press(key);
    this.#cancel = this.#clock.after(keyMs, () => this.#next());
  }
}

// Sixty a second, faster than anybody types; a BIOS reads its keyboard at every tick of 55 ms, if late.
const keyMs = 16;
const keysMax = 4096;
