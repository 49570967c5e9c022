import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { plainDrive } from '../../src/disk/drive.js';
import type { DiskResult } from '../../src/guest/guest-event.js';
import { DriveIo } from '../../src/hypervisor/drive-io.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { NodeClock } from '../../src/node/node-clock.js';
import { nodeDigest } from '../../src/node/node-digest.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const store = {
  byteLength: 512,
  read: () => Promise.resolve(new Uint8Array(512)),
  write: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
const completed = (result: DiskResult): LogRecord => ({
  epoch: 1,
  clockMs: 0,
  events: [{ kind: 'diskCompleted', requestId: 1, result }],
  rounds: 1,
  cut: false,
  before: null,
});

it.each([
  ['a write', { kind: 'written' }, 1],
  ['a read', { kind: 'read', data: new Uint8Array(512) }, 0],
] as const)('a backup reads ahead soon after %s of its primary', async (_, result, looks) => {
  const follow = vi.fn(() => Promise.resolve());
  const drives = new Map([['hda', { ...plainDrive(store), follow }]]);
  const host = { clock: new NodeClock(), digest: nodeDigest, diagnostics: new SilentDiagnostics() };
  const driveIo = new DriveIo(drives, host, () => undefined);
  driveIo.follow();
  // It looks each 8 s by then, and has just looked.
  await vi.advanceTimersByTimeAsync(15_800);
  follow.mockClear();
  driveIo.followed(completed(result));
  await vi.advanceTimersByTimeAsync(250);
  expect(follow).toHaveBeenCalledTimes(looks);
  await driveIo.close();
});
