import type { Generation } from '../units.js';
import type { Verdict } from './verdict.js';

/**
 * What a reader of the console has seen, over all replicas: by offset there is one stream per life of
 * a guest, without gaps and without a byte that changes.
 */
export class ConsoleJudge {
  readonly #verdict: Verdict;
  readonly #onLine: (who: string, line: string) => void;
  readonly #streams = new Map<Generation, { bytes: number[]; line: string }>();

  constructor(verdict: Verdict, onLine: (who: string, line: string) => void) {
    this.#verdict = verdict;
    this.#onLine = onLine;
  }

  /** A guest that has forgotten what its readers have seen: from its first byte on it is another one. */
  begin(life: Generation): void {
    this.#forgetful.add(life);
  }
  readonly #forgetful = new Set<Generation>();

  left(life: Generation, who: string, bytes: Uint8Array, offset: number): void {
    let stream = this.#streams.get(life);
    if (!stream) this.#streams.set(life, (stream = { bytes: [], line: '' }));
    const seen = stream.bytes;
    if (seen.length === 0 && this.#forgetful.has(life)) seen.length = offset;
    if (offset > seen.length) {
      this.#verdict.violated(
        'console',
        who,
        `goes on at offset ${offset}, its readers have seen ${seen.length} bytes`,
      );
      return;
    }
    for (let i = 0; i < bytes.byteLength; i += 1) {
      const byte = bytes[i] ?? 0;
      const at = offset + i;
      if (at === seen.length) this.#append(who, stream, byte);
      else if (seen[at] !== byte) {
        this.#verdict.violated(
          'console',
          who,
          `another byte at offset ${at} than readers have seen`,
        );
        return;
      }
    }
  }

  #append(who: string, stream: { bytes: number[]; line: string }, byte: number): void {
    stream.bytes.push(byte);
    if (byte !== newline) {
      stream.line += String.fromCharCode(byte);
      return;
    }
    this.#onLine(who, stream.line);
    stream.line = '';
  }
}

const newline = 10;
