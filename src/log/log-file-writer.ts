import type { GuestOutput } from '../guest/guest-output.js';
import type { StateDigest } from '../guest/state-digest.js';
import type { Epoch } from '../units.js';
import { encodeRecord } from './log-codec.js';
import { encodeFrame } from './frame.js';
import { encodeLogFileEnd, encodeLogFileHead, frameTags, type LogFileHeader } from './log-file.js';
import type { LogRecord } from './log-record.js';
import { OutputHash } from './output-hash.js';

/**
 * Makes the bytes of a log file, in order: `head`, `record` for each, `end`. What the epochs came to
 * goes into the end mark, so `ran` and `crashed` are told to it as they come.
 */
export class LogFileWriter {
  readonly #sums = new OutputHash();
  #recordCount = 0;
  #lastEpoch: Epoch = 0;
  #finalDigest: StateDigest | null = null;
  #crashedAt: Epoch | null = null;

  head(header: Omit<LogFileHeader, 'fingerprint'>): Uint8Array {
    return encodeLogFileHead(header);
  }

  record(record: LogRecord): Uint8Array {
    this.#recordCount += 1;
    this.#lastEpoch = record.epoch;
    return encodeFrame(frameTags.record, encodeRecord(record));
  }

  ran(outputs: readonly GuestOutput[], after: StateDigest): void {
    for (const output of outputs) this.#sums.add(output);
    this.#finalDigest = after;
  }

  crashed(epoch: Epoch): void {
    this.#crashedAt = epoch;
  }

  end(): Uint8Array {
    return encodeLogFileEnd({
      recordCount: this.#recordCount,
      lastEpoch: this.#lastEpoch,
      finalDigest: this.#finalDigest,
      sums: this.#sums.sums,
      crashedAt: this.#crashedAt,
    });
  }
}
