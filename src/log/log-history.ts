import { firstDifference, type StateDigest } from '../guest/state-digest.js';
import type { Epoch, Generation } from '../units.js';
import type { LogRecord } from './log-record.js';
import { RetainedLog } from './retained-log.js';

/** Where a replica stands in a log that it has followed. */
export interface Stand {
  /** Whose log: of the primary that went live in this generation. */
  readonly liveSince: Generation;
  /** It has every record up to here, and has run the epochs up to `ran`. */
  readonly received: Epoch;
  readonly ran: Epoch;
  /** Its state after `ran`; null while its machine is the one that was sent, and nothing has run. */
  readonly digest: StateDigest | null;
}

/** Whose records a log is made of. A generation has one holder, so it names a log for good. */
export interface Lineage {
  readonly liveSince: Generation;
  /** Earlier primaries, and the last epoch of each that its successor had. Oldest first. */
  readonly before: readonly { readonly liveSince: Generation; readonly through: Epoch }[];
}

/** What a replica knows of the log behind it. */
export interface PastLog {
  readonly lineage: Lineage;
  /** The newest records. */
  readonly records: readonly LogRecord[];
  /** The state after the newest epoch that has run. */
  readonly after: StateDigest | null;
}

/** What a log begins with that goes live in `generation` and has nothing behind it. */
export function noPast(generation: Generation): PastLog {
  return { lineage: { liveSince: generation, before: [] }, records: [], after: null };
}

/**
 * The log of a replica, as far back as it is kept, and who made which part of it: whether another
 * replica's machine is this one's at an earlier moment, so that records are enough to bring it up.
 *
 * Shape:  both roles keep it. A backup adds what it receives, a primary what it records; a backup that
 *         goes live hands it on.
 * Source: FT paper §2.3 leaves a backup that lost the race to a new start; this spares it the state.
 */
export class LogHistory {
  readonly #records: RetainedLog;
  #lineage: Lineage;
  #after: StateDigest | null;
  readonly #from: Epoch;
  #recorded: Epoch;

  constructor(bytesMax: number, { lineage, records, after }: PastLog, recorded: Epoch) {
    this.#records = new RetainedLog(bytesMax, records);
    this.#lineage = lineage;
    this.#after = after;
    this.#from = recorded;
    this.#recorded = recorded;
  }

  record(record: LogRecord): void {
    this.#records.append(record);
    this.#recorded = record.epoch;
  }
  ran(after: StateDigest): void {
    this.#after = after;
  }
  /** A replica that has followed one primary follows another, which told whose log it has. */
  follows(lineage: Lineage): void {
    this.#lineage = lineage;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }
  /** Null: what has run came to no state, as the guest has crashed. */
  stand({ received, ran }: { readonly received: Epoch; readonly ran: Epoch }): Stand | null {
    const digest = this.#after;
    if (ran !== (digest?.epoch ?? this.#from)) return null;
    return { liveSince: this.#lineage.liveSince, received, ran, digest };
  }

  /** What a primary starts from that goes live in `generation` behind the epoch `lastEpoch`. */
  handOn(generation: Generation, lastEpoch: Epoch): PastLog {
    const { liveSince, before } = this.#lineage;
    const records = this.#records.all;
    const first = records[0]?.epoch ?? lastEpoch + 1;
    // Who stands before what is kept cannot go on anyway.
    const kept = before.filter(({ through }) => through >= first - 1);
    const lineage = {
      liveSince: generation,
      before: [...kept, { liveSince, through: lastEpoch }],
    };
    return { lineage, records, after: this.#after };
  }

  /** The records that a replica at this stand has not got. */
  since({ received }: Stand): LogRecord[] {
    return this.#records.from(received + 1);
  }

  /**
   * Why a replica at this stand cannot go on with our records; null if it can. Its log must be the
   * beginning of ours: equal states alone prove nothing, two idle machines differ in their clocks only.
   */
  whyParted(stand: Stand): string | null {
    const { received, ran } = stand;
    const through = this.#throughOf(stand.liveSince);
    if (through === null) return 'it has followed a primary that is unknown here';
    if (received > through) {
      return `it has epoch ${received} of a log of which epoch ${through} was the last that counted`;
    }
    const isKept = received === this.#recorded || this.#records.at(received + 1) !== undefined;
    const digest = this.#after?.epoch === ran ? this.#after : this.#records.at(ran + 1)?.before;
    if (!isKept || !digest || ran > received) {
      return `the log behind epoch ${Math.min(ran, received)} is not kept any more`;
    }
    const difference = stand.digest && firstDifference(stand.digest, digest);
    return difference && `its state after epoch ${ran} is another one: ${difference}`;
  }

  #throughOf(liveSince: Generation): Epoch | null {
    if (liveSince === this.#lineage.liveSince) return this.#recorded;
    const earlier = this.#lineage.before.find((each) => each.liveSince === liveSince);
    return earlier?.through ?? null;
  }
}

/** Of what may wait in a log buffer: detection, claim and a new link take a few seconds at most. */
export function retainedBytesMax(logBufferBytesMax: number): number {
  return logBufferBytesMax / 2;
}
