import { describe, expect, it } from 'vitest';
import { DrivenPrimary } from './driven-primary.js';
import { generationOf } from './driven-backup.js';
import { noPast } from '../../src/log/log-history.js';
import { consoleOf, readOf, writeOf } from './settings.js';

function withTwoInSync(): DrivenPrimary {
  const primary = new DrivenPrimary();
  primary.joinInSync(1);
  primary.hello(2);
  primary.cut();
  primary.ack(1);
  primary.ack(2);
  primary.pass(5, [1, 2]);
  primary.ack(2);
  return primary;
}

describe('after losing a backup in sync', () => {
  it('releases nothing until the next generation is won', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.lose(1);
    primary.run(consoleOf('b', 1));
    expect(primary.of('claim')).toMatchObject([
      { generation: 2, inSync: [], reason: 'backupLost' },
    ]);
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('ab');
  });

  it('names the backups that remain, and tells them their new generation', () => {
    const primary = withTwoInSync();
    primary.lose(1);
    expect(primary.of('claim')).toMatchObject([{ generation: 2, inSync: ['b2'] }]);
    primary.answerClaim({ kind: 'won' });
    expect(primary.sent(2, 'inSync').at(-1)).toEqual({ kind: 'inSync', generation: 2 });
  });

  it('still waits for those that remain once it has won', () => {
    const primary = withTwoInSync();
    primary.lose(1);
    primary.run(consoleOf('a'));
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('');
    primary.ack(2);
    expect(primary.console).toBe('a');
  });

  it('claims once more when another is lost meanwhile, before anything leaves', () => {
    const primary = withTwoInSync();
    primary.lose(1);
    primary.run(consoleOf('a'));
    primary.lose(2);
    expect(primary.of('claim')).toHaveLength(1);
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('');
    expect(primary.of('claim').at(-1)).toMatchObject({ generation: 3, inSync: [] });
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });

  it('halts when somebody else has that generation', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.lose(1);
    const holder = generationOf(2, [], 'b1');
    primary.answerClaim({ kind: 'lost', holder });
    expect(primary.of('end')).toEqual([{ kind: 'end', end: { kind: 'lostClaim', holder } }]);
    expect(primary.run(consoleOf('b', 1))).toEqual([]);
    expect(primary.console).toBe('');
  });

  it('waits for storage for ever, asking the same again and again', () => {
    const primary = withTwoInSync();
    primary.lose(1);
    primary.run(consoleOf('a'));
    primary.ack(2);
    for (let i = 0; i < 20; i += 1) {
      primary.answerClaim({ kind: 'unreachable', why: 'no storage' });
      primary.pass(300, [2]);
    }
    expect(primary.console).toBe('');
    expect(primary.of('claim').length).toBeGreaterThan(15);
    for (const claim of primary.of('claim')) {
      expect(claim).toMatchObject({ generation: 2, inSync: ['b2'] });
    }
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });

  it('does not trust a claim that names a backup lost while storage did not answer', () => {
    const primary = withTwoInSync();
    primary.lose(1);
    primary.run(consoleOf('a'));
    primary.answerClaim({ kind: 'unreachable', why: 'no storage' });
    primary.lose(2);
    primary.pass(300);
    // The first attempt may have gone through, with b2 in it: the same words again.
    expect(primary.of('claim').at(-1)).toMatchObject({ generation: 2, inSync: ['b2'] });
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('');
    expect(primary.of('claim').at(-1)).toMatchObject({ generation: 3, inSync: [] });
  });

  it('ignores the answer to a claim of another generation', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.lose(1);
    primary.step({ kind: 'claimAnswered', generation: 1, outcome: { kind: 'won' } });
    primary.step({ kind: 'claimAnswered', generation: 3, outcome: { kind: 'won' } });
    expect(primary.console).toBe('');
  });

  it('starts no write, not even one that was released before and waited for another', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(writeOf(1), writeOf(2), readOf(3, 4096));
    primary.ack(1);
    expect(primary.startedDisk).toEqual([3, 1]);
    primary.lose(1);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    primary.run(readOf(4, 8192));
    expect(primary.startedDisk).toEqual([3, 1, 4]);
    primary.answerClaim({ kind: 'won' });
    expect(primary.startedDisk).toEqual([3, 1, 4, 2]);
  });

  it('stops the guest when it can hold no more output, and lets it go on afterwards', () => {
    const primary = new DrivenPrimary({ logBufferBytesMax: 16 * 1024 });
    primary.joinInSync(1);
    primary.lose(1);
    for (let i = 0; i < 20; i += 1) primary.run(frameOfBytes(1000));
    expect(primary.commands().filter((kind) => kind === 'pause')).toEqual(['pause']);
    primary.answerClaim({ kind: 'won' });
    expect(primary.commands().at(-1)).toBe('resume');
  });
});

describe('after it did not run for a while', () => {
  /** As after SIGSTOP and SIGCONT: the next thing it sees may be an ack from before. */
  function wokenUp(): DrivenPrimary {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'), writeOf(1));
    primary.nowMs += 5000;
    return primary;
  }

  it('asks storage before anything leaves, acks in the socket or not', () => {
    const primary = wokenUp();
    primary.ack(1);
    expect(primary.console).toBe('');
    expect(primary.startedDisk).toEqual([]);
    expect(primary.of('readGenerations')).toHaveLength(1);
    primary.answerLatest(1);
    expect(primary.console).toBe('a');
    expect(primary.startedDisk).toEqual([1]);
  });

  it('halts if another replica is live by now', () => {
    const primary = wokenUp();
    primary.ack(1);
    primary.answerLatest(2, 'b1');
    expect(primary.of('end')[0]?.end).toMatchObject({ kind: 'lostClaim' });
    expect(primary.console).toBe('');
    expect(primary.ack(1)).toEqual([]);
  });

  it('waits while storage does not answer', () => {
    const primary = wokenUp();
    primary.ack(1);
    for (let i = 0; i < 10; i += 1) {
      const asked = primary.of('readGenerations').at(-1)?.asked ?? 0;
      primary.step({ kind: 'generationsRead', asked, latest: 'unreachable' });
      primary.pass(300, [1]);
    }
    expect(primary.console).toBe('');
    expect(primary.of('readGenerations').length).toBeGreaterThan(5);
    primary.answerLatest(1);
    expect(primary.console).toBe('a');
  });

  it('takes no answer for its own that was asked for before it slept', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(1000, [1]);
    expect(primary.of('readGenerations')).toHaveLength(1);
    primary.run(consoleOf('a'));
    primary.nowMs += 5000;
    primary.step({
      kind: 'generationsRead',
      asked: 1,
      latest: generationOf(1, [], 'p'),
    });
    primary.ack(1);
    expect(primary.console).toBe('');
  });

  it('takes an older generation for no proof', () => {
    const primary = new DrivenPrimary({}, { generation: 3 });
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.nowMs += 5000;
    primary.ack(1);
    primary.answerLatest(2);
    expect(primary.console).toBe('');
    primary.answerLatest(3);
    expect(primary.console).toBe('a');
  });

  it('takes a newer generation of its own for its own', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.lose(1);
    primary.answerClaim({ kind: 'unreachable', why: 'it went through all the same' });
    primary.nowMs += 5000;
    primary.step({ kind: 'tick' });
    primary.answerLatest(2, 'p');
    expect(primary.of('end')).toEqual([]);
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });

  it('does not take its own sleep for the death of its backups', () => {
    const primary = wokenUp();
    primary.step({ kind: 'tick' });
    primary.pass(300);
    expect(primary.losses).toEqual([]);
  });
});

it('looks at storage now and then although nobody is in sync', () => {
  const primary = new DrivenPrimary();
  primary.pass(3000);
  expect(primary.of('readGenerations').length).toBeGreaterThanOrEqual(2);
  primary.answerLatest(2, 'x');
  expect(primary.of('end')[0]?.end).toMatchObject({ kind: 'lostClaim' });
});

function frameOfBytes(count: number) {
  return { kind: 'frameSent', frame: new Uint8Array(count) } as const;
}

describe('a generation that was claimed ahead', () => {
  const goneLive = (): DrivenPrimary =>
    new DrivenPrimary({}, { generation: 2, isClaimedAhead: true, past: noPast(2) });

  it('is confirmed by the next, and output does not wait for that', () => {
    const primary = goneLive();
    expect(primary.of('claim')).toEqual([
      { kind: 'claim', generation: 3, inSync: [], reason: 'handedOver' },
    ]);
    primary.run(consoleOf('before it is answered'));
    expect(primary.console).toBe('before it is answered');
    primary.answerClaim({ kind: 'unreachable', why: 'it hangs' });
    primary.pass(260);
    expect(primary.of('claim')).toHaveLength(2);
    primary.answerClaim({ kind: 'won' });
    expect(primary.role.status(primary.nowMs).generation).toBe(3);
  });

  it('takes no backup in before, since the next does not name it', () => {
    const primary = goneLive();
    primary.joinInSync(1);
    expect(primary.sent(1, 'inSync')).toEqual([]);
    primary.answerClaim({ kind: 'won' });
    primary.ack(1);
    expect(primary.sent(1, 'inSync')).toEqual([{ kind: 'inSync', generation: 3 }]);
  });

  it('is left to whoever has the next', () => {
    const primary = goneLive();
    const holder = generationOf(3, [], 'b7');
    primary.answerClaim({ kind: 'lost', holder });
    expect(primary.of('end')[0]?.end).toEqual({ kind: 'lostClaim', holder });
    primary.run(consoleOf('late'));
    expect(primary.console).toBe('');
  });
});
