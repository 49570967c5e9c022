import type { ReplicaId } from '../arbiter/generation-record.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { JournalFiles } from '../host/journal-files.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch, Generation } from '../units.js';
import { JournalCorruptError } from './journal-error.js';
import type { JournalHeader } from './journal-format.js';
import { journalFileName, parseJournalFileName } from './journal-name.js';
import { scanJournalLog } from './journal-scan.js';
import { readSnapshotFile } from './snapshot-file.js';

/** One guest's life as a journal has it: somewhere to start from, and the log since. */
export interface JournalContents {
  readonly run: number;
  /** Of the newest file. */
  readonly header: JournalHeader;
  readonly owners: readonly ReplicaId[];
  readonly memberOf: readonly Generation[];
  /** Where it can be started from, oldest first; 0 is power-on. */
  readonly bases: readonly Epoch[];
  readonly lastEpoch: Epoch;
  /** The guest is off: there is nothing to go on from. */
  readonly hasEnded: boolean;
  /** The log whose end was torn off, and how much of it is good. */
  readonly torn: { readonly name: string; readonly goodBytes: number } | null;
}

/**
 * Finds out what a journal holds, by reading all of its newest run from its newest good base on.
 *
 * Errors: `JournalCorruptError` where damage is no torn tail: records were durable behind it, or there is
 *         no base. Null if there is no journal.
 */
export async function openJournal(files: JournalFiles): Promise<JournalContents | null> {
  const names = (await files.list()).flatMap(({ name }) => {
    const parsed = parseJournalFileName(name);
    return parsed ? [parsed] : [];
  });
  const runs = [...new Set(names.map(({ run }) => run))].sort((a, b) => b - a);
  let problem: JournalCorruptError | null = null;
  for (const run of runs) {
    const own = names.filter((name) => name.run === run);
    const logs = epochsOf(own, 'log');
    const snapshots = epochsOf(own, 'snapshot');
    try {
      const contents = await openRun(files, { run, logs, snapshots });
      if (contents) return contents;
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      problem ??= new JournalCorruptError(files.place, error.message, { cause: error });
    }
  }
  if (problem) throw problem;
  return null;
}

/** The VMs whose logs are there, as far as the files say. */
export async function vmsOf(files: JournalFiles): Promise<Set<string>> {
  const vms = new Set<string>();
  for (const { name } of await files.list()) {
    if (parseJournalFileName(name)?.kind !== 'log') continue;
    for await (const item of scanJournalLog(files, name)) {
      if (item.kind === 'header') vms.add(item.header.vm);
      break;
    }
  }
  return vms;
}

interface RunFiles {
  readonly run: number;
  readonly logs: readonly Epoch[];
  readonly snapshots: readonly Epoch[];
}

/** Null for a run that never got as far as its first log. */
async function openRun(files: JournalFiles, own: RunFiles): Promise<JournalContents | null> {
  const { run, logs, snapshots } = own;
  if (logs.length === 0) return null;
  const isFromPowerOn = logs[0] === 1;
  const good: Epoch[] = isFromPowerOn ? [0] : [];
  let headers: JournalHeader[] = [];
  let newestIsBad: LogCorruptError | null = null;
  // The newest good one is enough to go on from; the others are looked at when somebody asks.
  for (const epoch of [...snapshots].reverse()) {
    try {
      const name = journalFileName({ run, kind: 'snapshot', epoch });
      headers = [(await readSnapshotFile(files, name)).header];
      good.push(...snapshots.filter((each) => each <= epoch));
      break;
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      newestIsBad ??= error;
    }
  }
  const base = good.at(-1);
  if (base === undefined) {
    throw new LogCorruptError('no snapshot of it is whole', { cause: newestIsBad });
  }
  let lastEpoch = base;
  let hasEnded = false;
  let torn: JournalContents['torn'] = null;
  const memberOf = new Set<Generation>(headers.flatMap((header) => header.memberOf));
  for (const first of logsFrom(logs, base)) {
    const name = journalFileName({ run, kind: 'log', epoch: first });
    // A log begins when the one before it is durable to its end.
    if (first > lastEpoch + 1) throw new LogCorruptError(`epochs are missing before ${name}`);
    for await (const item of scanJournalLog(files, name)) {
      switch (item.kind) {
        case 'header':
          headers.push(item.header);
          for (const generation of item.header.memberOf) memberOf.add(generation);
          break;
        case 'record':
          lastEpoch = following(lastEpoch, item.record, name);
          break;
        case 'member':
          memberOf.add(item.generation);
          break;
        case 'ended':
          hasEnded = true;
          break;
        case 'batch':
          if (item.durable > lastEpoch) {
            throw new LogCorruptError(
              `${name} goes on after epoch ${item.durable}, which is missing`,
            );
          }
          break;
        case 'damage':
          if (item.durableBehind !== null && item.durableBehind > lastEpoch) {
            throw new LogCorruptError(
              `${name} is good to epoch ${lastEpoch}, and epoch ${item.durableBehind} had been kept, too: ${item.what}`,
            );
          }
          torn = { name, goodBytes: item.goodBytes };
          break;
      }
    }
  }
  const header = headers.at(-1);
  if (!header) return null;
  const owners = [...new Set(headers.flatMap((each) => each.owners))];
  const bases = good;
  return { run, header, owners, memberOf: [...memberOf], bases, lastEpoch, hasEnded, torn };
}

/** The records of epochs `from` to `through`. */
export async function* journalRecords(
  files: JournalFiles,
  { run, from, through }: { readonly run: number; readonly from: Epoch; readonly through: Epoch },
): AsyncGenerator<LogRecord> {
  const logs = epochsOf(
    (await files.list()).flatMap(({ name }) => {
      const parsed = parseJournalFileName(name);
      return parsed?.run === run ? [parsed] : [];
    }),
    'log',
  );
  let last = from - 1;
  for (const first of logsFrom(logs, last)) {
    const name = journalFileName({ run, kind: 'log', epoch: first });
    for await (const item of scanJournalLog(files, name)) {
      if (last >= through) return;
      if (item.kind !== 'record' || item.record.epoch <= last) continue;
      last = following(last, item.record, name);
      yield item.record;
    }
  }
}

/** The state to start from; null for a power-on. */
export async function journalBase(
  files: JournalFiles,
  run: number,
  epoch: Epoch,
): Promise<Snapshot | null> {
  if (epoch === 0) return null;
  const name = journalFileName({ run, kind: 'snapshot', epoch });
  try {
    return (await readSnapshotFile(files, name)).snapshot;
  } catch (error) {
    if (!(error instanceof LogCorruptError)) throw error;
    throw new JournalCorruptError(files.place, `${name}: ${error.message}`, { cause: error });
  }
}

function epochsOf(
  names: readonly { readonly kind: string; readonly epoch: Epoch }[],
  kind: 'log' | 'snapshot',
): Epoch[] {
  const epochs = names.flatMap((name) => (name.kind === kind ? [name.epoch] : []));
  return epochs.sort((a, b) => a - b);
}

/** The logs that may have epochs after `base`. */
function logsFrom(logs: readonly Epoch[], base: Epoch): Epoch[] {
  return logs.filter((_, i) => {
    const next = logs[i + 1];
    return next === undefined || next > base + 1;
  });
}

function following(last: Epoch, { epoch }: LogRecord, name: string): Epoch {
  if (epoch <= last) return last;
  if (epoch !== last + 1) throw new LogCorruptError(`${name} has epoch ${epoch} after ${last}`);
  return epoch;
}
