import { describe, expect, it } from 'vitest';
import type { DiskRequest } from '../../src/guest/disk-request.js';
import { DiskRequests } from '../../src/vcpu/disk-requests.js';
import type { V86IdeInterface } from '../../src/vcpu/v86-internals.js';

it('a write is what the guest gave, whatever it does with its buffer afterwards (§3.4)', () => {
  const issued: DiskRequest[] = [];
  const requests = new DiskRequests((request) => issued.push(request));
  const buffer = Uint8Array.of(1, 2, 3);
  const ide = { current_command: 0x30 } as V86IdeInterface;
  requests.write('hda', ide, 512, buffer, () => undefined);
  buffer.fill(9);
  expect(issued).toMatchObject([{ kind: 'diskWrite', data: Uint8Array.of(1, 2, 3) }]);
});

describe('what a machine that was reset has asked for', () => {
  const drive = { current_command: 0x30, last_io_id: 1 } as V86IdeInterface;
  function afterReset(): DiskRequests {
    const requests = new DiskRequests(() => undefined);
    requests.write('hda', drive, 0, new Uint8Array(512), unexpected);
    requests.read('hda', drive, { offsetBytes: 0, lengthBytes: 512 }, unexpected);
    requests.forgetAll();
    return requests;
  }
  const unexpected = (): void => {
    throw new Error('the machine is gone');
  };

  it('is waited for by a cut: who joins there does not know of it', () => {
    const requests = afterReset();
    expect(requests.isQuietAfter(new Set())).toBe(false);
    expect(requests.isQuietAfter(new Set([1, 2]))).toBe(true);
    requests.complete(1, { kind: 'written' });
    expect(requests.isQuietAfter(new Set())).toBe(false);
    requests.complete(2, { kind: 'read', data: new Uint8Array(512) });
    expect(requests.isQuietAfter(new Set())).toBe(true);
  });

  it('is written before the next machine is told that all is', () => {
    const requests = afterReset();
    const told: boolean[] = [];
    const next = { ...drive } as V86IdeInterface;
    expect(requests.whenWritten(next, (allWritten) => told.push(allWritten))).toBe(true);
    requests.complete(2, { kind: 'read', data: new Uint8Array(512) });
    expect(told).toEqual([]);
    requests.complete(1, { kind: 'written' });
    expect(told).toEqual([true]);
  });
});
