import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeGeneration } from '../arbiter/generation-codec.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';

/**
 * Reads the generations as they stand on the storage, and checks that each has one holder, for ever,
 * who had a right to it.
 */
export class GenerationAudit {
  readonly #texts = new Map<string, string>();
  readonly #records = new Map<number, GenerationRecord>();

  /** What is wrong; `seenLive` is who said he was live in which. */
  async check(dir: string, seenLive: ReadonlyMap<number, string>): Promise<string[]> {
    const wrong: string[] = [];
    const names = (await readdir(dir)).filter((name) => /^generation-\d+\.json$/.test(name));
    for (const name of this.#texts.keys()) {
      if (!names.includes(name)) wrong.push(`${name} is gone`);
    }
    for (const name of names)
      wrong.push(...this.#file(name, await readFile(join(dir, name), 'utf8')));
    const newest = Math.max(0, ...this.#records.keys());
    for (let generation = 1; generation <= newest; generation += 1) {
      wrong.push(...this.#succession(generation));
    }
    for (const [generation, replica] of seenLive) {
      const holder = this.#records.get(generation)?.holder.replica;
      if (holder !== replica) {
        wrong.push(
          `${replica} was live in generation ${generation}, which is ${holder ?? 'nobody'}'s`,
        );
      }
    }
    return wrong;
  }

  /** How many times a backup went live. */
  get takeovers(): number {
    const isOne = ({ reason }: GenerationRecord): boolean =>
      reason === 'takeover' || reason === 'handedOver';
    return [...this.#records.values()].filter(isOne).length;
  }

  #file(name: string, text: string): string[] {
    const before = this.#texts.get(name);
    if (before !== undefined) return before === text ? [] : [`${name} has changed`];
    this.#texts.set(name, text);
    const decoded = decodeGeneration(text);
    if (decoded.kind === 'invalid') return [`${name}: ${decoded.why}`];
    const { record } = decoded;
    this.#records.set(record.generation, record);
    return name === `generation-${record.generation}.json`
      ? []
      : [`${name} is of another generation`];
  }

  /** A primary goes on as itself; a backup takes over from somebody else. */
  #succession(generation: number): string[] {
    const [before, record] = [this.#records.get(generation - 1), this.#records.get(generation)];
    if (!record) return [`generation ${generation} is missing`];
    if (!before) return [];
    const isSame = before.holder.replica === record.holder.replica;
    const goesOn = ['backupLost', 'backupJoined', 'handedOver'].includes(record.reason);
    // After a claim ahead, the next may be of the one or of the other.
    const { handedOverBy } = before;
    const isOld = handedOverBy?.replica === record.holder.replica;
    const fits = isOld || (handedOverBy && isSame) || (goesOn ? isSame : !isSame);
    return fits
      ? []
      : [`generation ${generation} (${record.reason}) is not the next of ${generation - 1}`];
  }
}
