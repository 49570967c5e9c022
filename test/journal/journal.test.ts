import { describe, expect, it } from 'vitest';
import { JournalCorruptError, JournalRefusedError } from '../../src/journal/journal-error.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { plain, recordOf, snapshotOf } from '../role/settings.js';
import { generationOf, Kept, quiet } from './kept.js';
import { MemoryFiles } from './memory-files.js';

/** Kept by `a`, from power-on, with a snapshot of epoch 20 and the log to epoch 50. */
async function kept(files = new MemoryFiles()): Promise<MemoryFiles> {
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  writer.append(1, 20);
  writer.journal.snapshot(snapshotOf(20));
  await writer.settle();
  for (let epoch = 21; epoch <= 50; epoch += 10) {
    writer.append(epoch, epoch + 9);
    await writer.settle();
  }
  expect(writer.durable).toBe(50);
  return files;
}

async function resumed(files: MemoryFiles, latest = generationOf(1, 'a')) {
  const reader = new Kept(files, 'z');
  const contents = await reader.journal.resumable(latest);
  if (!contents) return null;
  const resumption = await reader.journal.takeOver(contents);
  const records: LogRecord[] = [];
  for await (const record of resumption.records()) records.push(record);
  return { reader, resumption, epochs: records.map(({ epoch }) => epoch), records };
}
/** Nothing behind it says that it was durable. */
function lastBatchAt(files: MemoryFiles): number {
  const { bytes } = files.entry(files.names('log').at(-1)!);
  return Buffer.from(bytes).lastIndexOf('ftvmsync') - 9;
}
const from = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

it('goes on from the newest snapshot, with the log since', async () => {
  const found = await resumed(await kept());
  expect(plain(found?.resumption.snapshot)).toEqual(plain(snapshotOf(20)));
  expect(found?.epochs).toEqual(from(21, 50));
  expect(found?.records[0]).toEqual(recordOf(21));
});

it('goes on from power-on while there is no snapshot', async () => {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  writer.append(1, 7);
  await writer.settle();
  const found = await resumed(files);
  expect(found?.resumption.snapshot).toBeNull();
  expect(found?.epochs).toEqual(from(1, 7));
});

it('has nothing to go on from in an empty directory', async () => {
  expect(await resumed(new MemoryFiles())).toBeNull();
});

it('is not let go for another VM, however that starts', async () => {
  const files = await kept();
  const names = files.names('log');
  const own = new Kept(files, 'b');
  await expect(own.journal.refuseOtherVm()).resolves.toBeUndefined();
  const other = new Kept(files, 'b', { vm: 'other' });
  await expect(other.journal.refuseOtherVm()).rejects.toThrow('it is of another VM (vm)');
  expect(files.names('log')).toEqual(names);
  const empty = new Kept(new MemoryFiles(), 'b', { vm: 'other' });
  await expect(empty.journal.refuseOtherVm()).resolves.toBeUndefined();
});

it('says that an epoch is durable only when a power cut leaves it', async () => {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  files.isStuck = true;
  writer.append(1, 5);
  writer.journal.sync();
  await quiet();
  expect(writer.durable).toBe(0);
  files.unstick();
  await quiet();
  expect(writer.durable).toBe(5);
  files.cutPower();
  expect((await resumed(files))?.epochs).toEqual(from(1, 5));
});

it('writes what nobody waits for a moment later, in one piece', async () => {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  const { syncs } = files;
  writer.append(1, 5);
  await quiet();
  expect(files.syncs).toBe(syncs);
  writer.clock.ring();
  await quiet();
  expect(files.syncs).toBe(syncs + 1);
  expect(writer.durable).toBe(5);
});

it('begins a run from a received state only when that is durable', async () => {
  const files = await kept();
  const writer = new Kept(files, 'b');
  files.isStuck = true;
  writer.journal.begin(snapshotOf(90));
  writer.append(91, 95);
  await writer.settle();
  expect(writer.durable).toBe(0);
  // What was there is still there.
  expect((await new Kept(files, 'z').journal.resumable(generationOf(1, 'a')))?.lastEpoch).toBe(50);
  files.unstick();
  await writer.settle();
  files.unstick();
  await writer.settle();
  expect(writer.durable).toBe(95);
  const found = await resumed(files, generationOf(2, 'b'));
  expect(plain(found?.resumption.snapshot)).toEqual(plain(snapshotOf(90)));
  expect(found?.epochs).toEqual(from(91, 95));
});

it('goes on behind a resume, and from there once more', async () => {
  const files = await kept();
  const first = await resumed(files);
  first?.reader.journal.goOn();
  first?.reader.append(51, 60);
  await first?.reader.settle();
  expect(first?.reader.durable).toBe(60);
  const second = await resumed(files, generationOf(2, 'z'));
  expect(second?.epochs).toEqual(from(21, 60));
});

it('ends the replica when it cannot be kept', async () => {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  files.failure = new Error('no room');
  writer.append(1, 2);
  await writer.settle();
  expect(writer.failure).toBe(files.failure);
  expect(writer.durable).toBe(0);
});

it('has nothing to go on from when the guest was switched off', async () => {
  const files = new MemoryFiles();
  const writer = new Kept(files, 'a');
  writer.journal.begin(null);
  await quiet();
  writer.append(1, 2);
  writer.journal.ended();
  await writer.settle();
  expect(await resumed(files)).toBeNull();
});

describe('the cap', () => {
  it('lets the oldest snapshots and logs go, and keeps what a resume needs', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'a', { bytesMax: 200_000 });
    writer.journal.begin(null);
    await quiet();
    for (let epoch = 1; epoch <= 1000; epoch += 100) {
      writer.append(epoch, epoch + 99);
      writer.journal.snapshot(snapshotOf(epoch + 99, 60_000));
      await writer.settle();
      const total = (await files.list()).reduce((sum, { bytes }) => sum + bytes, 0);
      expect(total).toBeLessThan(200_000);
    }
    writer.append(1001, 1010);
    await writer.settle();
    expect(files.names('snapshot').length).toBeGreaterThan(1);
    const found = await resumed(files);
    expect(found?.resumption.snapshot?.epoch).toBe(1000);
    expect(found?.epochs).toEqual(from(1001, 1010));
  });

  it('never lets go of what is needed, however small it is', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'a', { bytesMax: 1 });
    writer.journal.begin(null);
    await quiet();
    writer.append(1, 20);
    writer.journal.snapshot(snapshotOf(10));
    await writer.settle();
    writer.append(21, 30);
    await writer.settle();
    expect((await resumed(files))?.epochs).toEqual(from(11, 30));
  });
});

describe('damage', () => {
  it('takes a torn tail for what it is, wherever it tore', async () => {
    const whole = await kept();
    const name = whole.names('log').at(-1)!;
    const { byteLength } = whole.entry(name).bytes;
    for (let cut = lastBatchAt(whole); cut < byteLength; cut += 7) {
      const files = await kept();
      files.entry(name).bytes = files.entry(name).bytes.slice(0, cut);
      const found = await resumed(files);
      const last = found?.epochs.at(-1) ?? 0;
      expect(last).toBeGreaterThanOrEqual(40);
      expect(last).toBeLessThan(50);
      // Cut off, not left in the way of what comes next.
      found?.reader.journal.goOn();
      found?.reader.append(last + 1, last + 5);
      await found?.reader.settle();
      expect((await resumed(files, generationOf(2, 'z')))?.epochs.at(-1)).toBe(last + 5);
    }
  });

  it('refuses a log that is damaged before what had been durable', async () => {
    const whole = await kept();
    const name = whole.names('log').at(-1)!;
    // The last batch could be a torn one; so could nothing before it.
    for (let at = 12; at < lastBatchAt(whole); at += 17) {
      const files = await kept();
      files.flip(name, at);
      await expect(resumed(files), `byte ${at}`).rejects.toThrow(JournalCorruptError);
    }
  });

  it('refuses a run with a log missing', async () => {
    const files = await kept();
    files.entries.delete(files.names('log').at(-1)!);
    const writer = new Kept(files, 'a');
    expect((await writer.journal.resumable(generationOf(1, 'a')))?.lastEpoch).toBe(20);
    const other = await kept();
    const found = await resumed(other);
    found?.reader.journal.goOn();
    found?.reader.append(51, 52);
    await found?.reader.settle();
    other.entries.delete(other.names('log').at(-2)!);
    await expect(resumed(other)).rejects.toThrow(/epochs are missing/);
  });

  it('goes on from an older base when the newest snapshot is damaged', async () => {
    const files = await kept();
    files.flip(files.names('snapshot').at(-1)!, 3000);
    const found = await resumed(files);
    expect(found?.resumption.snapshot).toBeNull();
    expect(found?.epochs).toEqual(from(1, 50));
  });

  it('says that nothing is left when no base is whole', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'b');
    writer.journal.begin(snapshotOf(20));
    await writer.settle();
    files.flip(files.names('snapshot')[0]!, 3000);
    const found = resumed(files, generationOf(1, 'b'));
    await expect(found).rejects.toThrow(/no snapshot of it is whole/);
    await expect(found).rejects.toMatchObject({ code: 'FTVM_JOURNAL_CORRUPT' });
  });
});

describe('whose journal it is', () => {
  it('is refused when a later generation ran without it', async () => {
    const found = resumed(await kept(), generationOf(2, 'b'));
    await expect(found).rejects.toThrow(JournalRefusedError);
    await expect(found).rejects.toThrow(/the disk has moved on: generation 2 ran on b/);
  });

  it('is taken when its keeper was in sync in the latest generation', async () => {
    expect(await resumed(await kept(), generationOf(2, 'b', ['c', 'a']))).not.toBeNull();
    const files = await kept();
    const backup = new Kept(files, 'c');
    backup.journal.begin(snapshotOf(70));
    backup.journal.member(4);
    await backup.settle();
    expect(await resumed(files, generationOf(4, 'b'))).not.toBeNull();
    await expect(resumed(files, generationOf(5, 'b'))).rejects.toThrow(/moved on/);
  });

  it('is kept by whoever resumes before that replica claims the VM', async () => {
    const files = await kept();
    const reader = new Kept(files, 'z');
    const contents = await reader.journal.resumable(generationOf(1, 'a'));
    await reader.journal.takeOver(contents!);
    files.cutPower();
    expect((await resumed(files, generationOf(2, 'z')))?.epochs).toEqual(from(21, 50));
  });

  it('is whole behind a snapshot that was ahead of the log and not synced (seed 64002321)', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'a');
    writer.journal.begin(null);
    await quiet();
    writer.append(1, 20);
    await writer.settle();
    files.isStuck = true;
    writer.append(21, 30);
    writer.journal.snapshot(snapshotOf(30));
    await quiet();
    // Killed when the snapshot was written and these records were not.
    const log = files.entry(files.names('log').at(-1)!);
    log.bytes = log.bytes.slice(0, log.durableBytes);
    files.isStuck = false;
    expect((await resumed(files))?.resumption.lastEpoch).toBe(30);
    files.cutPower();
    expect((await resumed(files, generationOf(2, 'z')))?.resumption.lastEpoch).toBe(30);
  });

  it('is missed by whoever has an empty one after a generation that kept one', async () => {
    const { journal } = new Kept(new MemoryFiles(), 'z');
    const found = journal.resumable({ ...generationOf(2, 'b'), keepsJournal: true });
    await expect(found).rejects.toThrow(/it is empty, and generation 2, which ran on b/);
    expect(await journal.resumable(generationOf(2, 'b'))).toBeNull();
  });

  it('is begun by whoever boots before that replica claims the VM', async () => {
    const files = await kept();
    const { journal } = new Kept(files, 'z');
    await journal.startAnew();
    files.cutPower();
    const found = await resumed(files, { ...generationOf(2, 'z'), keepsJournal: true });
    expect(found?.resumption.snapshot).toBeNull();
    expect(found?.epochs).toEqual([]);
  });

  it('goes on behind the boot it was begun for', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'a');
    await writer.journal.startAnew();
    writer.journal.begin(null);
    writer.append(1, 7);
    await writer.settle();
    expect(files.names('log')).toHaveLength(1);
    expect((await resumed(files))?.epochs).toEqual(from(1, 7));
  });

  it('is read when what an earlier replica of the process had to write is in it', async () => {
    const files = new MemoryFiles();
    const writer = new Kept(files, 'a');
    writer.journal.begin(null);
    await quiet();
    writer.append(1, 7);
    expect((await writer.journal.resumable(generationOf(1, 'a')))?.lastEpoch).toBe(7);
  });

  it('is refused to another VM, another machine and another build', async () => {
    const files = await kept();
    const other = new Kept(files, 'z', { vm: 'other' });
    await expect(other.journal.resumable(generationOf(1, 'a'))).rejects.toThrow(/another VM/);
  });
});
