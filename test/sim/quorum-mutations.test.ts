import { afterEach, expect, it, vi } from 'vitest';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import { Backup } from '../../src/role/backup.js';
import { Election } from '../../src/role/election.js';
import { QuorumMembership } from '../../src/role/quorum-membership.js';
import { simulate } from '../../src/sim/simulation.js';
import { rollQuorumPlan } from './quorum-world.js';

/*
 * Each test takes out one rule of `--commit quorum`, and the judges must notice.
 */

/** What is violated in the seeds, without repeats; stops when it has seen `enough`. */
async function found(seedsMax: number, enough: string): Promise<Set<string>> {
  const invariants = new Set<string>();
  for (let seed = 1; seed <= seedsMax && !invariants.has(enough); seed += 1) {
    const { violations } = await simulate(rollQuorumPlan(seed));
    for (const { invariant } of violations) invariants.add(invariant);
  }
  return invariants;
}

afterEach(() => {
  vi.restoreAllMocks();
});

it('finds nothing wrong with any of them in place', async () => {
  expect(await found(12, 'anything')).toEqual(new Set());
});

it('notices a member that goes live without asking the others', async () => {
  const records = new WeakMap<Election, GenerationRecord>();
  const read = Election.prototype.read;
  vi.spyOn(Election.prototype, 'read').mockImplementation(function (this: Election, latest) {
    records.set(this, latest);
    return read.call(this, latest);
  });
  vi.spyOn(Election.prototype, 'wonIn', 'get').mockImplementation(function (this: Election) {
    return records.get(this)?.generation ?? null;
  });
  expect(await found(200, 'outputKept')).toContain('outputKept');
});

it('notices a member that goes live though another one knows more', async () => {
  const answered = Election.prototype.answered;
  vi.spyOn(Election.prototype, 'answered').mockImplementation(function (
    this: Election,
    replica,
    answer,
    nowMs,
  ) {
    const less = typeof answer === 'object' ? { ...answer, received: 0 } : answer;
    answered.call(this, replica, less, nowMs);
  });
  expect(await found(300, 'outputKept')).toContain('outputKept');
});

it('notices a member that has left and goes on acknowledging', async () => {
  const step = Backup.prototype.step;
  vi.spyOn(Backup.prototype, 'step').mockImplementation(function (this: Backup, input, nowMs) {
    const { phase, ran } = this.status();
    const hasLeft = phase === 'electing' || phase === 'claiming';
    if (!hasLeft || input.kind !== 'peerMessage' || input.message.kind !== 'records') {
      return step.call(this, input, nowMs).filter(({ kind }) => kind !== 'closePeer');
    }
    const received = input.message.records.at(-1)?.epoch ?? 0;
    const message = { kind: 'ack', received, ran, durable: null } as const;
    return [{ kind: 'send', peer: input.peer, message }];
  });
  expect(await found(100, 'outputRule')).toContain('outputRule');
});

it('notices a change of the members that counts before it is written', async () => {
  vi.spyOn(QuorumMembership.prototype, 'lost').mockImplementation(function (
    this: QuorumMembership,
  ) {
    const effects = this.adjust(0);
    this.claimWon();
    return effects;
  });
  expect(await found(100, 'outputRule')).toContain('outputRule');
});

it('notices a generation whose members lack what has left before it', async () => {
  const { adjust } = QuorumMembership.prototype;
  vi.spyOn(QuorumMembership.prototype, 'adjust').mockImplementation(function (
    this: QuorumMembership,
  ) {
    return adjust.call(this, 0);
  });
  expect(await found(100, 'outputRule')).toContain('outputRule');
});

it('notices a member that was sent its state and has not got it', async () => {
  const { caughtUp } = QuorumMembership.prototype;
  vi.spyOn(QuorumMembership.prototype, 'caughtUp').mockImplementation(function (
    this: QuorumMembership,
    backup,
  ) {
    backup.hasAcked = true;
    return caughtUp.call(this, backup);
  });
  expect(await found(100, 'outputRule')).toContain('outputRule');
});

it('notices output that waits for nobody', async () => {
  vi.spyOn(QuorumMembership.prototype, 'covered').mockImplementation(function (
    this: QuorumMembership,
    ran,
  ) {
    return ran;
  });
  expect(await found(40, 'outputRule')).toContain('outputRule');
});
