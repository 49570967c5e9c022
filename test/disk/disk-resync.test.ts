import { describe, expect, it } from 'vitest';
import { DiskQueue } from '../../src/disk/disk-queue.js';
import { DiskResync, chunkBytesMax, type DiskChunk } from '../../src/disk/disk-resync.js';
import { OwnDisk } from '../../src/disk/own-disk.js';
import { ResyncDesk, type DiskQuestion } from '../../src/disk/resync-desk.js';
import type { DiskRequest, DiskWrite } from '../../src/guest/disk-request.js';
import { Prng } from '../../src/sim/prng.js';

const diskBytes = 6 * chunkBytesMax;
const drives = [{ name: 'hda', bytes: diskBytes }] as const;

type Later = { readonly label: string; readonly run: () => void };

/** Things under way, which end in an order drawn by chance; those of one `line` in order. */
class Chance {
  readonly #prng: Prng;
  readonly #pending: Later[] = [];
  readonly #lines = new Map<string, Later[]>();

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }
  whole(min: number, max: number): number {
    return this.#prng.whole(min, max);
  }
  later(label: string, run: () => void): void {
    this.#pending.push({ label, run });
  }
  inLine(line: string, run: () => void): void {
    const queue = this.#lines.get(line) ?? [];
    this.#lines.set(line, queue);
    queue.push({ label: line, run });
  }
  /** One of them ends; false if nothing is under way. */
  step(): boolean {
    const lines = [...this.#lines.values()].filter((queue) => queue.length > 0);
    const count = this.#pending.length + lines.length;
    if (count === 0) return false;
    const n = this.#prng.whole(0, count - 1);
    const next =
      n < lines.length ? lines[n]!.shift()! : this.#pending.splice(n - lines.length, 1)[0]!;
    next.run();
    return true;
  }
}

interface World {
  readonly primary: Uint8Array;
  readonly backup: Uint8Array;
}

/**
 * A primary and a new backup whose guests write the same, each at its own pace, while their disks are
 * compared. `keeps` and `waits` are the two precautions of the comparison.
 */
function resynced(seed: number, { keeps = true, waits = true } = {}): World {
  const chance = new Chance(seed);
  const primary = new Uint8Array(diskBytes).fill(5);
  const backup = new Uint8Array(diskBytes).fill(5, 0, chunkBytesMax);
  const epochs = 40;
  const writes: DiskWrite[][] = Array.from({ length: epochs }, (_, epoch) =>
    Array.from({ length: chance.whole(0, 4) }, (_unused, n) => ({
      kind: 'diskWrite',
      id: epoch * 10 + n + 1,
      drive: 'hda',
      // Often where a comparison is under way, seldom where another write was.
      offsetBytes: chance.whole(0, 89) * (chunkBytesMax / 16),
      data: new Uint8Array(chance.whole(1, 200) * 512).fill(chance.whole(1, 255)),
    })),
  );

  // The primary's side.
  const queue = new DiskQueue();
  const desk = new ResyncDesk<string>();
  let primaryRan = 0;
  const lookDue = () => {
    for (const read of desk.due(waits ? primaryRan : Number.POSITIVE_INFINITY)) queue.add(read);
  };
  const startPrimary = () => {
    for (const request of queue.start()) {
      chance.later('primary disk', () => {
        const data = perform(primary, request);
        queue.finished(request.id);
        const looked = desk.looked(request.id);
        if (looked) {
          const same = Buffer.from(looked.question.digest).equals(data);
          chance.inLine('answers', () =>
            answered(looked.question, same ? new Uint8Array(0) : data),
          );
        }
        startPrimary();
      });
    }
  };

  // The backup's.
  const own = new OwnDisk('everything');
  const resync = new DiskResync(drives);
  let backupRan = 0;
  const startBackup = () => {
    for (const request of own.start()) {
      chance.later('backup disk', () => {
        perform(backup, request);
        own.finished(request.id, { kind: 'written' });
        startBackup();
      });
    }
  };
  const askMore = () => {
    for (const chunk of resync.next()) chance.later('digest', () => ask(chunk));
  };
  const ask = (chunk: DiskChunk) => {
    // The bytes stand for their digest.
    const digest = backup.slice(chunk.offsetBytes, chunk.offsetBytes + chunk.lengthBytes);
    resync.asked(chunk);
    const question: DiskQuestion = { ...chunk, digest, ran: backupRan };
    chance.inLine('questions', () => {
      expect(desk.ask('b', question)).toBeNull();
      lookDue();
      startPrimary();
    });
  };
  const answered = (chunk: DiskChunk, data: Uint8Array) => {
    const [first, ...repeated] = resync.answered(chunk, data) ?? [];
    if (first) own.store(first);
    if (keeps) repeated.forEach((write) => own.store(write));
    startBackup();
    askMore();
  };

  askMore();
  const runPrimary = () => {
    const issued = writes[primaryRan]!;
    primaryRan += 1;
    for (const write of issued) {
      queue.add(write);
      queue.release(write.id);
    }
    lookDue();
    startPrimary();
    if (primaryRan < epochs) chance.later('primary runs', runPrimary);
  };
  const runBackup = () => {
    // A record leaves before its epoch runs: the backup may be one ahead.
    if (backupRan <= primaryRan && backupRan < epochs) {
      const issued = writes[backupRan]!;
      backupRan += 1;
      own.issued(issued);
      issued.forEach((write) => resync.issued(write));
      startBackup();
    }
    if (backupRan < epochs) chance.later('backup runs', runBackup);
  };
  chance.later('primary runs', runPrimary);
  chance.later('backup runs', runBackup);
  while (chance.step());
  expect(resync.isDone).toBe(true);
  expect(own.storing).toBe(0);
  return { primary, backup };
}

function perform(disk: Uint8Array, request: DiskRequest): Uint8Array {
  const { offsetBytes } = request;
  if (request.kind === 'diskWrite') {
    disk.set(request.data, offsetBytes);
    return request.data;
  }
  return disk.slice(offsetBytes, offsetBytes + request.lengthBytes);
}

const differ = ({ primary, backup }: World): boolean => !Buffer.from(primary).equals(backup);
// The second ten are among the few in which the backup asks one epoch ahead of its primary.
const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 26, 33, 53, 119, 122, 126, 143, 144, 198, 203];

describe('comparing two disks while the guest writes', () => {
  it('ends with the same bytes on both, in any order of events', () => {
    expect(seeds.filter((seed) => differ(resynced(seed)))).toEqual([]);
  });

  it('needs to write again what the guest wrote while it asked', () => {
    expect(seeds.some((seed) => differ(resynced(seed, { keeps: false })))).toBe(true);
  });

  it('needs the primary to have run as far as the backup before it looks', () => {
    expect(seeds.some((seed) => differ(resynced(seed, { waits: false })))).toBe(true);
  });
});

describe('the questions of a backup', () => {
  it('are about every byte of every drive once', () => {
    const resync = new DiskResync([
      { name: 'hda', bytes: chunkBytesMax + 512 },
      { name: 'hdb', bytes: 1024 },
    ]);
    const asked = resync.next();
    expect(asked.map(({ drive, lengthBytes }) => [drive, lengthBytes])).toEqual([
      ['hda', chunkBytesMax],
      ['hda', 512],
      ['hdb', 1024],
    ]);
    for (const chunk of asked) {
      resync.asked(chunk);
      expect(resync.answered(chunk, new Uint8Array(0))).toEqual([]);
    }
    expect(resync.isDone).toBe(true);
    expect(resync.differentBytes).toBe(0);
  });

  it('are not answered twice, nor with another length', () => {
    const resync = new DiskResync([{ name: 'hda', bytes: 512 }]);
    const [chunk] = resync.next();
    expect(resync.answered(chunk!, new Uint8Array(512))).toBeNull();
    resync.asked(chunk!);
    expect(resync.answered(chunk!, new Uint8Array(511))).toBeNull();
    expect(resync.answered(chunk!, new Uint8Array(512))).toHaveLength(1);
    expect(resync.answered(chunk!, new Uint8Array(512))).toBeNull();
  });

  it('are refused when they are too many or too large', () => {
    const desk = new ResyncDesk<string>();
    const question = (offsetBytes: number, lengthBytes = 512): DiskQuestion => {
      return { drive: 'hda', offsetBytes, lengthBytes, digest: new Uint8Array(32), ran: 0 };
    };
    expect(desk.ask('b', question(0, chunkBytesMax + 1))).toContain('it asked about');
    expect(desk.ask('b', question(0, 0))).toContain('it asked about');
    for (let n = 0; n < 4; n += 1) expect(desk.ask('b', question(n * 512))).toBeNull();
    expect(desk.ask('b', question(4096))).toContain('too much');
    expect(desk.ask('c', question(4096))).toBeNull();
    desk.forget('b');
    expect(desk.due(0)).toHaveLength(1);
  });
});
