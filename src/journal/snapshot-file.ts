import type { Snapshot } from '../guest/snapshot.js';
import type { JournalFiles } from '../host/journal-files.js';
import { encodeFrame } from '../log/frame.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import {
  checkJournalMagic,
  decodeJournalHeader,
  encodeJournalHead,
  journalMagicBytes,
  journalTags,
  type JournalHeader,
} from './journal-format.js';
import { FrameSource } from './journal-scan.js';

/** Writes a snapshot, durably; answers its bytes. One that is cut short has no end and is not read. */
export async function writeSnapshotFile(
  files: JournalFiles,
  name: string,
  header: Omit<JournalHeader, 'fingerprint' | 'snapshot' | 'stateBytes'>,
  snapshot: Snapshot,
): Promise<number> {
  const { state, ...rest } = snapshot;
  const stateBytes = state.byteLength;
  const file = await files.create(name);
  let bytes = 0;
  const append = async (piece: Uint8Array): Promise<void> => {
    await file.append(piece);
    bytes += piece.byteLength;
  };
  try {
    await append(encodeJournalHead({ ...header, snapshot: rest, stateBytes }));
    for (let at = 0; at < stateBytes; at += pieceBytes) {
      await append(encodeFrame(journalTags.state, state.subarray(at, at + pieceBytes)));
    }
    await append(encodeFrame(journalTags.stateEnd, new Uint8Array(0)));
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}

/** Throws `LogCorruptError` for one that is damaged or not whole. */
export async function readSnapshotFile(
  files: JournalFiles,
  name: string,
): Promise<{ readonly header: JournalHeader; readonly snapshot: Snapshot }> {
  const frames = new FrameSource(files, name);
  checkJournalMagic(await frames.take(journalMagicBytes));
  const head = await frames.next();
  if (head?.tag !== journalTags.header) throw new LogCorruptError('it has no header');
  const header = decodeJournalHeader(head.content);
  if (!header.snapshot) throw new LogCorruptError('it is no snapshot');
  // A damaged number must not claim the memory.
  const file = (await files.list()).find((each) => each.name === name);
  if (header.stateBytes > (file?.bytes ?? 0)) {
    throw new LogCorruptError('it is shorter than the state it announces');
  }
  const state = new Uint8Array(header.stateBytes);
  let at = 0;
  for (let frame = await frames.next(); frame; frame = await frames.next()) {
    if (frame.tag === journalTags.stateEnd && at === state.byteLength) {
      return { header, snapshot: { ...header.snapshot, state } };
    }
    const isPiece = frame.tag === journalTags.state;
    if (!isPiece || at + frame.content.byteLength > state.byteLength) break;
    state.set(frame.content, at);
    at += frame.content.byteLength;
  }
  throw new LogCorruptError('the snapshot is not whole');
}

// The thread that writes it has records to send meanwhile.
const pieceBytes = 256 * 1024;
