import { expect, it } from 'vitest';
import { PendingIo } from '../../src/disk/pending-io.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';

const write = (id: number): GuestOutput => ({
  kind: 'diskWrite',
  id,
  drive: 'hda',
  offsetBytes: 0,
  data: Uint8Array.of(id),
});
const completed = (requestId: number, kind: 'written' | 'failed' = 'written') =>
  ({ kind: 'diskCompleted', requestId, result: { kind } }) as const;
const idsOf = (pending: PendingIo) => pending.requests().map(({ id }) => id);

it('keeps what was issued and not completed, in issue order (§3.4)', () => {
  const pending = new PendingIo();
  pending.issued([write(1), { kind: 'reboot' }, write(2), write(3)]);
  pending.completed([completed(2)]);
  expect(idsOf(pending)).toEqual([1, 3]);
});

it('counts a failure as an end: the guest has been told', () => {
  const pending = new PendingIo();
  pending.issued([write(1)]);
  pending.completed([completed(1, 'failed')]);
  expect(idsOf(pending)).toEqual([]);
});

it('does not mind a completion of something else, or a second one', () => {
  const pending = new PendingIo();
  pending.issued([write(1)]);
  pending.completed([completed(9), { kind: 'powerPressed' }]);
  expect(idsOf(pending)).toEqual([1]);
});
