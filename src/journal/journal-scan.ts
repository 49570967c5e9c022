import type { JournalFiles } from '../host/journal-files.js';
import { decodeFrame, type Frame } from '../log/frame.js';
import { decodeRecord, unpack } from '../log/log-codec.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import type { LogRecord } from '../log/log-record.js';
import { shape } from '../log/shape.js';
import type { Epoch, Generation } from '../units.js';
import {
  batchFrameBytes,
  checkJournalMagic,
  decodeBatchMark,
  decodeJournalHeader,
  findBatchMark,
  journalMagicBytes,
  journalTags,
  type JournalHeader,
} from './journal-format.js';

/** What stands in a log of a journal, in order. */
export type JournalItem =
  | { readonly kind: 'header'; readonly header: JournalHeader }
  | { readonly kind: 'record'; readonly record: LogRecord }
  | { readonly kind: 'batch'; readonly durable: Epoch }
  | { readonly kind: 'member'; readonly generation: Generation }
  /** The guest is off: nobody goes on from here. */
  | { readonly kind: 'ended' }
  /**
   * The file is good up to `goodBytes` and not behind; `durableBehind` is what the newest mark behind
   * the damage says was durable, null if there is none left.
   */
  | {
      readonly kind: 'damage';
      readonly what: string;
      readonly goodBytes: number;
      readonly durableBehind: Epoch | null;
    };

/** Reads one log of a journal. Damage is the last item, if there is any. */
export async function* scanJournalLog(
  files: JournalFiles,
  name: string,
): AsyncGenerator<JournalItem> {
  const frames = new FrameSource(files, name);
  try {
    checkJournalMagic(await frames.take(journalMagicBytes));
    const head = await frames.next();
    if (head?.tag !== journalTags.header) throw new LogCorruptError('it has no header');
    yield { kind: 'header', header: decodeJournalHeader(head.content) };
    frames.accept();
    for (let frame = await frames.next(); frame; frame = await frames.next()) {
      yield itemOf(frame);
      frames.accept();
    }
  } catch (error) {
    if (!(error instanceof LogCorruptError)) throw error;
    const { goodBytes } = frames;
    const durableBehind = await newestBatchMark(files, name, goodBytes);
    yield { kind: 'damage', what: error.message, goodBytes, durableBehind };
  }
}

function itemOf({ tag, content }: Frame): JournalItem {
  switch (tag) {
    case journalTags.record:
      return { kind: 'record', record: decodeRecord(content) };
    case journalTags.batch:
      return { kind: 'batch', durable: decodeBatchMark(content) };
    case journalTags.member:
      return { kind: 'member', generation: shape.natural(unpack(content), 'member') };
    case journalTags.ended:
      return { kind: 'ended' };
    default:
      throw new LogCorruptError(`a frame of unknown kind ${tag}`);
  }
}

/** The frames of a file, read a stretch at a time. */
export class FrameSource {
  readonly #files: JournalFiles;
  readonly #name: string;
  #buffered: Uint8Array = new Uint8Array(0);
  #readBytes = 0;
  #takenBytes = 0;
  #goodBytes = 0;

  constructor(files: JournalFiles, name: string) {
    this.#files = files;
    this.#name = name;
  }

  /** Where the last accepted item ends. */
  get goodBytes(): number {
    return this.#goodBytes;
  }
  /** What was taken so far makes sense. */
  accept(): void {
    this.#goodBytes = this.#takenBytes;
  }

  async take(bytes: number): Promise<Uint8Array> {
    await this.#fill(bytes);
    const taken = this.#buffered.subarray(0, bytes);
    this.#drop(taken.byteLength);
    return taken;
  }

  /** Null at the end of the file. Throws `LogCorruptError` for a frame that is damaged or not whole. */
  async next(): Promise<Frame | null> {
    for (let wanted = 64 * 1024; ; wanted = this.#buffered.byteLength * 2) {
      const isAll = !(await this.#fill(wanted));
      if (isAll && this.#buffered.byteLength === 0) return null;
      const frame = decodeFrame(this.#buffered);
      if (frame) {
        this.#drop(frame.frameBytes);
        return frame;
      }
      if (isAll) throw new LogCorruptError('it ends in the middle of a frame');
    }
  }

  /** False if the file has no more than what is buffered now. */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#buffered.byteLength >= bytes) return true;
    const more = await this.#files.read(this.#name, this.#readBytes, Math.max(bytes, stretchBytes));
    this.#readBytes += more.byteLength;
    const both = new Uint8Array(this.#buffered.byteLength + more.byteLength);
    both.set(this.#buffered);
    both.set(more, this.#buffered.byteLength);
    this.#buffered = both;
    return both.byteLength >= bytes;
  }

  #drop(bytes: number): void {
    this.#buffered = this.#buffered.subarray(bytes);
    this.#takenBytes += bytes;
  }
}

/** Behind damage frames cannot be followed; marks of batches can be found by what they look like. */
async function newestBatchMark(
  files: JournalFiles,
  name: string,
  fromBytes: number,
): Promise<Epoch | null> {
  let newest: Epoch | null = null;
  for (let at = fromBytes; ; at += stretchBytes - batchFrameBytes) {
    const bytes = await files.read(name, at, stretchBytes);
    for (let mark = findBatchMark(bytes, 0); mark !== -1; mark = findBatchMark(bytes, mark + 1)) {
      const durable = batchMarkAt(bytes.subarray(mark, mark + batchFrameBytes));
      if (durable !== null) newest = Math.max(newest ?? 0, durable);
    }
    if (bytes.byteLength < stretchBytes) return newest;
  }
}

function batchMarkAt(bytes: Uint8Array): Epoch | null {
  try {
    const frame = decodeFrame(bytes);
    return frame?.tag === journalTags.batch ? decodeBatchMark(frame.content) : null;
  } catch (error) {
    if (error instanceof LogCorruptError) return null;
    throw error;
  }
}

const stretchBytes = 1024 * 1024;
