import { describe, expect, it } from 'vitest';
import { DiskQueue } from '../../src/disk/disk-queue.js';
import type { DiskRequest, DriveName } from '../../src/guest/disk-request.js';

const read = (id: number, offsetBytes: number, lengthBytes = 512): DiskRequest => ({
  kind: 'diskRead',
  id,
  drive: 'hda',
  offsetBytes,
  lengthBytes,
});
const write = (id: number, offsetBytes: number, drive: DriveName = 'hda'): DiskRequest => ({
  kind: 'diskWrite',
  id,
  drive,
  offsetBytes,
  data: new Uint8Array(512).fill(id),
});
const ids = (requests: readonly DiskRequest[]) => requests.map(({ id }) => id);

/** A queue in which every write may leave. */
function queueOf(...requests: DiskRequest[]): DiskQueue {
  const queue = new DiskQueue();
  for (const request of requests) {
    queue.add(request);
    queue.release(request.id);
  }
  return queue;
}

describe('operations on the same bytes', () => {
  it.each([
    ['write after write', write(1, 0), write(2, 0)],
    ['read after write', write(1, 0), read(2, 0)],
    ['write after read', read(1, 0), write(2, 0)],
    ['partial overlap', write(1, 256), write(2, 0)],
    ['one byte', read(1, 0, 513), write(2, 512)],
  ])('%s: the later waits for the earlier (§3.4)', (_what, first, second) => {
    const queue = queueOf(first, second);
    expect(ids(queue.start())).toEqual([1]);
    expect(ids(queue.start())).toEqual([]);
    queue.finished(1);
    expect(ids(queue.start())).toEqual([2]);
  });

  it('wait in a row, three deep', () => {
    const queue = queueOf(write(1, 0), read(2, 0), write(3, 0));
    expect(ids(queue.start())).toEqual([1]);
    queue.finished(1);
    expect(ids(queue.start())).toEqual([2]);
    queue.finished(2);
    expect(ids(queue.start())).toEqual([3]);
  });

  it('are reads only: both start', () => {
    expect(ids(queueOf(read(1, 0), read(2, 0)).start())).toEqual([1, 2]);
  });

  it('wait for a write that may not leave yet, too', () => {
    const queue = new DiskQueue();
    queue.add(write(1, 0));
    queue.add(read(2, 0));
    expect(queue.start()).toEqual([]);
    queue.release(1);
    expect(ids(queue.start())).toEqual([1]);
  });
});

it('starts side by side what does not overlap', () => {
  expect(ids(queueOf(write(1, 0), write(2, 512), read(3, 1024)).start())).toEqual([1, 2, 3]);
});

it('keeps drives apart', () => {
  expect(ids(queueOf(write(1, 0), write(2, 0, 'hdb')).start())).toEqual([1, 2]);
});

it('starts a read at once and a write when it may leave', () => {
  const queue = new DiskQueue();
  queue.add(write(1, 0));
  queue.add(read(2, 512));
  expect(ids(queue.start())).toEqual([2]);
  queue.release(1);
  expect(ids(queue.start())).toEqual([1]);
});

it('starts no write for a caller who may not write, whatever was released', () => {
  const queue = queueOf(write(1, 0), read(2, 512), read(3, 0));
  expect(ids(queue.start({ mayWrite: false }))).toEqual([2]);
  expect(ids(queue.start())).toEqual([1]);
});

it('tells what is not finished in issue order, started or not', () => {
  const queue = queueOf(write(1, 0), write(2, 0), read(3, 512));
  queue.start();
  queue.finished(3);
  queue.finished(99);
  expect(ids(queue.unfinished())).toEqual([1, 2]);
  expect(queue.size).toBe(2);
});

it('counts what a disk is at, and the bytes of writes', () => {
  const queue = queueOf(write(1, 0), write(2, 0), read(3, 4096));
  expect([queue.startedCount, queue.writeBytes]).toEqual([0, 1024]);
  queue.start();
  expect(queue.startedCount).toBe(2);
  queue.finished(1);
  queue.finished(1);
  expect([queue.startedCount, queue.writeBytes]).toEqual([1, 512]);
});
