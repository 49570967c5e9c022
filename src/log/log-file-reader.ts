import { decodeFrame } from './frame.js';
import { decodeRecord } from './log-codec.js';
import { LogCorruptError } from './log-corrupt-error.js';
import {
  checkLogFileMagic,
  decodeLogFileEnd,
  decodeLogFileHeader,
  frameTags,
  type LogFileEnd,
  type LogFileHeader,
} from './log-file.js';
import type { LogRecord } from './log-record.js';

/**
 * Reads a log file from chunks of any size.
 *
 * Shape:  `push` answers the records that the chunk completed; `finish` says that no more will come.
 * Errors: a file without a readable header throws, for nothing can be done with it. Damage further
 *         on does not: the records in front of it are answered as usual, and `damage` says how many
 *         they are and what is wrong.
 */
export class LogFileReader {
  #buffered: Uint8Array = new Uint8Array(0);
  #isMagicRead = false;
  #header: LogFileHeader | null = null;
  #end: LogFileEnd | null = null;
  #damage: LogCorruptError | null = null;
  #recordCount = 0;

  /** Null until its bytes have come. */
  get header(): LogFileHeader | null {
    return this.#header;
  }

  get end(): LogFileEnd | null {
    return this.#end;
  }

  get damage(): LogCorruptError | null {
    return this.#damage;
  }

  push(chunk: Uint8Array): LogRecord[] {
    if (this.#damage) return [];
    this.#buffered = joined(this.#buffered, chunk);
    const records: LogRecord[] = [];
    try {
      while (this.#readNext(records));
    } catch (error) {
      if (!(error instanceof LogCorruptError) || !this.#header) throw error;
      this.#damaged(error.message, error);
    }
    return records;
  }

  /** Throws if the file ended before its header did. */
  finish(): void {
    if (!this.#header) throw new LogCorruptError('The log file ends within its header');
    if (this.#end || this.#damage) return;
    const torn = this.#buffered.byteLength > 0 ? ', in the middle of the next' : '';
    this.#damaged(`the file ends there${torn}, without its end mark`);
  }

  /** Takes one item from what is buffered; answers whether it was all there. */
  #readNext(records: LogRecord[]): boolean {
    if (!this.#isMagicRead) {
      const headBytes = checkLogFileMagic(this.#buffered);
      if (headBytes === null) return false;
      this.#buffered = this.#buffered.subarray(headBytes);
      this.#isMagicRead = true;
    }
    const frame = decodeFrame(this.#buffered);
    if (!frame) return false;
    const { tag, content, frameBytes } = frame;
    if (this.#end) throw new LogCorruptError('something follows the end mark');
    if (!this.#header) {
      if (tag !== frameTags.header) throw new LogCorruptError('The log file has no header');
      this.#header = decodeLogFileHeader(content);
    } else if (tag === frameTags.record) {
      records.push(decodeRecord(content));
      this.#recordCount += 1;
    } else if (tag === frameTags.end) {
      this.#readEnd(content);
    } else {
      throw new LogCorruptError(`a frame of unknown kind ${tag}`);
    }
    this.#buffered = this.#buffered.subarray(frameBytes);
    return true;
  }

  #readEnd(content: Uint8Array): void {
    const end = decodeLogFileEnd(content);
    if (end.recordCount !== this.#recordCount) {
      throw new LogCorruptError(`the end mark counts ${end.recordCount} records`);
    }
    this.#end = end;
  }

  #damaged(what: string, cause?: Error): void {
    const message = `The log file is damaged after ${this.#recordCount} whole records: ${what}`;
    this.#damage = new LogCorruptError(message, { cause });
  }
}

/** Everything in a file that is in memory already. */
export function readLogFile(bytes: Uint8Array): {
  header: LogFileHeader;
  records: LogRecord[];
  end: LogFileEnd | null;
  damage: LogCorruptError | null;
} {
  const reader = new LogFileReader();
  const records = reader.push(bytes);
  reader.finish();
  const { header, end, damage } = reader;
  if (!header) throw new LogCorruptError('The log file ends within its header');
  return { header, records, end, damage };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.byteLength === 0) return second;
  const both = new Uint8Array(first.byteLength + second.byteLength);
  both.set(first);
  both.set(second, first.byteLength);
  return both;
}
