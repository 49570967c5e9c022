import type { DiskRequest } from '../guest/disk-request.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { ConsoleOffset } from '../units.js';

/**
 * What the guest puts out during an epoch, in order; console bytes that follow each other become one
 * output.
 */
export class OutputCollector {
  #outputs: GuestOutput[] = [];
  #consoleBytes: number[] = [];
  #consoleOffset: ConsoleOffset = 0;

  /** The guest goes on where this much of its console is written. */
  continueAt(consoleOffset: ConsoleOffset): void {
    this.#consoleOffset = consoleOffset;
  }

  /** Where the next console byte will stand. */
  get consoleOffset(): ConsoleOffset {
    return this.#consoleOffset + this.#consoleBytes.length;
  }

  get isEmpty(): boolean {
    return this.#outputs.length === 0 && this.#consoleBytes.length === 0;
  }

  consoleByte(byte: number): void {
    this.#consoleBytes.push(byte);
  }

  consoleText(bytes: Uint8Array): void {
    for (const byte of bytes) this.#consoleBytes.push(byte);
  }

  add(output: Exclude<GuestOutput, { kind: 'consoleBytes' }> | DiskRequest): void {
    this.#endConsoleBytes();
    this.#outputs.push(output);
  }

  /** Everything since the last call. */
  take(): GuestOutput[] {
    this.#endConsoleBytes();
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #endConsoleBytes(): void {
    if (this.#consoleBytes.length === 0) return;
    const bytes = Uint8Array.from(this.#consoleBytes);
    this.#outputs.push({ kind: 'consoleBytes', bytes, offset: this.#consoleOffset });
    this.#consoleOffset += bytes.length;
    this.#consoleBytes = [];
  }
}
