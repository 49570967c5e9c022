import { scanJournalLog } from '../../src/journal/journal-scan.js';
import { readSnapshotFile } from '../../src/journal/snapshot-file.js';
import type { JournalFiles } from '../../src/host/journal-files.js';
import { Kept, quiet } from '../journal/kept.js';
import { MemoryFiles } from '../journal/memory-files.js';
import { snapshotOf } from '../role/settings.js';
import { repairFrames } from './files.js';
import { mutateBytes } from './mutator.js';
import type { FuzzTarget } from './target.js';

/** What a keeper wrote: a log with its marks, and a snapshot. */
async function samples(): Promise<Record<'log' | 'snapshot', Uint8Array>> {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  writer.append(1, 8);
  await writer.settle();
  writer.journal.snapshot(snapshotOf(8, 600));
  await writer.settle();
  writer.append(9, 12);
  await writer.settle();
  const bytesOf = (kind: 'log' | 'snapshot'): Uint8Array =>
    files.entry(files.names(kind)[0] ?? '').bytes;
  return { log: bytesOf('log'), snapshot: bytesOf('snapshot') };
}
let made: ReturnType<typeof samples> | null = null;

function filesOf(bytes: Uint8Array): JournalFiles {
  const refuse = (): never => {
    throw new Error('a reader does not write');
  };
  return {
    place: 'memory',
    list: () => Promise.resolve([{ name: 'x', bytes: bytes.byteLength }]),
    read: (_name, at, length) => Promise.resolve(bytes.subarray(at, at + length)),
    create: refuse,
    truncate: refuse,
    remove: refuse,
  };
}

export const journalTarget: FuzzTarget = {
  name: 'journal',
  share: 20,
  run: async (chance) => {
    made ??= samples();
    const kind = chance.pick(['log', 'snapshot'] as const);
    const bytes = mutateBytes(chance, [(await made)[kind]], { damagesMax: 4 });
    if (chance.chance(0.9)) repairFrames(bytes);
    const files = filesOf(bytes);
    if (kind === 'snapshot') {
      await readSnapshotFile(files, 'x');
      return 'taken';
    }
    let isDamaged = false;
    for await (const item of scanJournalLog(files, 'x')) isDamaged = item.kind === 'damage';
    return isDamaged ? 'refused' : 'taken';
  },
};
