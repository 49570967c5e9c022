import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FtvmError } from '../errors.js';
import type { Snapshot } from '../guest/snapshot.js';
import { JournalCorruptError } from '../journal/journal-error.js';
import { journalBase, journalRecords, openJournal } from '../journal/journal-reader.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import type { LogFileEnd, LogFileHeader } from '../log/log-file.js';
import { LogFileReader } from '../log/log-file-reader.js';
import type { LogRecord } from '../log/log-record.js';
import { reasonOf } from '../node/errno.js';
import { JournalDirectory } from '../node/journal-directory.js';
import type { Epoch } from '../units.js';

/** Which epochs somebody wants to see; both included. */
export interface ReplayRange {
  readonly from?: Epoch;
  readonly until?: Epoch;
}

/** What is replayed: a machine, where it starts, and its log from there. */
export interface ReplaySource {
  readonly header: LogFileHeader;
  /** Null: power-on. */
  readonly snapshot: Snapshot | null;
  readonly records: AsyncIterable<LogRecord>;
  /** Null if the log was cut short, here or when it was written. */
  readonly end: () => LogFileEnd | null;
  readonly damage: () => Error | null;
  /** It has no end mark, and is not cut short for that. */
  readonly isPart: boolean;
}

/** The log cannot be read at all. */
class LogFileUnreadableError extends FtvmError {
  readonly code = 'FTVM_LOG_FILE_UNREADABLE';
  readonly remedy = 'Name a file that ftvm record wrote, or the directory of a journal.';
}

/** An epoch that the log does not have. */
export class ReplayRangeError extends FtvmError {
  readonly code = 'FTVM_REPLAY_RANGE';
  readonly remedy: string;

  constructor(wanted: Epoch, { first, last }: { readonly first: Epoch; readonly last: Epoch }) {
    super(
      wanted > last
        ? `Epoch ${wanted} is beyond the end of the log, which is epoch ${last}`
        : `Epoch ${wanted} is not in the log any more: it begins after epoch ${first - 1}`,
    );
    this.remedy = `Name an epoch from ${first} to ${last}.`;
  }
}

/** A file of `ftvm record`, or a journal's directory, which may be in use. */
export async function openReplay(path: string, range: ReplayRange): Promise<ReplaySource> {
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() ? openJournalReplay(path, range) : openFileReplay(path, range);
}

/** From the newest snapshot that is early enough; without a range, all there is. */
async function openJournalReplay(dir: string, range: ReplayRange): Promise<ReplaySource> {
  const files = JournalDirectory.toRead(dir);
  const contents = await openJournal(files);
  if (!contents) throw new LogFileUnreadableError(`There is no journal in ${dir}`);
  const { run, header, bases, lastEpoch } = contents;
  const oldest = bases[0] ?? 0;
  const known = { first: oldest + 1, last: lastEpoch };
  checkRange(range, known);
  const seen = range.from ?? range.until ?? known.first;
  const base = bases.filter((epoch) => epoch < seen).at(-1) ?? oldest;
  const snapshot = await journalBase(files, run, base);
  const through = range.until ?? lastEpoch;
  return {
    header,
    snapshot,
    records: intact(journalRecords(files, { run, from: base + 1, through }), dir),
    end: () => null,
    damage: () => null,
    isPart: true,
  };
}

async function* intact(records: AsyncIterable<LogRecord>, dir: string): AsyncGenerator<LogRecord> {
  try {
    yield* records;
  } catch (cause) {
    if (!(cause instanceof LogCorruptError)) throw cause;
    throw new JournalCorruptError(dir, cause.message, { cause });
  }
}

async function openFileReplay(file: string, range: ReplayRange): Promise<ReplaySource> {
  const reader = new LogFileReader();
  const chunks = chunksOf(file)[Symbol.asyncIterator]();
  const first: LogRecord[] = [];
  while (!reader.header) {
    const next = await chunks.next();
    if (next.done) break;
    first.push(...reader.push(next.value));
  }
  if (!reader.header) throw new LogCorruptError(`${file} ends within its header`);
  return {
    header: reader.header,
    snapshot: null,
    records: within(recordsOf(reader, first, chunks), range),
    end: () => (range.until === undefined ? reader.end : null),
    damage: () => reader.damage,
    isPart: range.until !== undefined,
  };
}

/** How long a file is, it says at its end. */
async function* within(
  records: AsyncIterable<LogRecord>,
  range: ReplayRange,
): AsyncGenerator<LogRecord> {
  const until = range.until ?? Number.POSITIVE_INFINITY;
  let last: Epoch = 0;
  for await (const record of records) {
    if (record.epoch > until) break;
    last = record.epoch;
    yield record;
    if (last === until) break;
  }
  checkRange(range, { first: 1, last });
}

function checkRange(
  { from, until }: ReplayRange,
  known: { readonly first: Epoch; readonly last: Epoch },
): void {
  for (const wanted of [from, until]) {
    if (wanted === undefined || (wanted >= known.first && wanted <= known.last)) continue;
    throw new ReplayRangeError(wanted, known);
  }
}

async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    throw new LogFileUnreadableError(`Cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}

async function* recordsOf(
  reader: LogFileReader,
  first: readonly LogRecord[],
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<LogRecord> {
  yield* first;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    yield* reader.push(next.value);
  }
  reader.finish();
}
