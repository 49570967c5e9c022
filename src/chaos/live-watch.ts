import type { ReplicaProcess } from './replica-process.js';

/** A replica that said it is live and may release output. */
export interface Sighting {
  readonly name: string;
  readonly replica: string;
  readonly generation: number;
  /** When it was asked; it was live at some moment between. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/**
 * Asks every replica, again and again, whether it is live, and notices two that are.
 *
 * Two answers are never from the same moment, so what is looked for is an order that cannot be: once
 * a replica was live in a generation, nobody asked later may be able to speak in an older one, or be
 * live in the same one as somebody else. A primary whose backup has gone live without its hearing of
 * it still calls itself live, but not one that releases: it has missed the backup for a while.
 */
export class LiveWatch {
  readonly #violations: string[] = [];
  readonly #holders = new Map<number, string>();
  #newest: Sighting | null = null;

  note(sighting: Sighting): void {
    const { generation, replica, name } = sighting;
    const holder = this.#holders.get(generation);
    if (holder !== undefined && holder !== replica) {
      this.#violations.push(`${name} is live in generation ${generation}, and so was ${holder}`);
    }
    this.#holders.set(generation, holder ?? replica);
    const newest = this.#newest;
    if (!newest || generation > newest.generation) this.#newest = sighting;
    else if (canSpeak(sighting, newest)) {
      this.#violations.push(
        `${name} says it is live in generation ${generation}, asked ${(sighting.askedAtMs - newest.answeredAtMs).toFixed(0)} ms after ${newest.name} was in ${newest.generation}`,
      );
    }
  }

  /** Asks once. */
  async look(replicas: readonly ReplicaProcess[]): Promise<void> {
    await Promise.all(replicas.map((replica) => this.#ask(replica)));
  }

  /** Who was seen live, by generation: the name of the replica as generation files have it. */
  get holders(): ReadonlyMap<number, string> {
    return this.#holders;
  }
  /** What was noticed since the last time it was asked for. */
  takeViolations(): string[] {
    return this.#violations.splice(0);
  }

  async #ask(process: ReplicaProcess): Promise<void> {
    const askedAtMs = performance.now();
    const wasStopped = process.isStopped;
    const status = await process.status();
    // An answer from before it was stopped, heard after: it tells of no moment we could name.
    if (wasStopped || process.isStopped || status?.role !== 'primary') return;
    if (status.primary?.releasing !== true) return;
    const { replica, generation } = status;
    const answeredAtMs = performance.now();
    this.note({ name: process.name, replica, generation, askedAtMs, answeredAtMs });
  }
}

/** Whether it could release something of its own though somebody is live after it. */
function canSpeak({ generation, askedAtMs }: Sighting, newest: Sighting): boolean {
  return generation !== newest.generation && askedAtMs > newest.answeredAtMs;
}
