import { describe, expect, it } from 'vitest';
import { DrivenPrimary } from './driven-primary.js';
import { consoleOf } from './settings.js';

const rule = { heldMsMax: 2_000, lagMsMax: 1_000, lagForMsMax: 10_000, awayMs: 10_000 };

/** Two backups in sync, heard all the time. */
function withTwo(): DrivenPrimary {
  const primary = new DrivenPrimary({ slowBackup: rule, redundancy: { backups: 2 } });
  primary.joinInSync(1);
  primary.joinCatchingUp(2);
  primary.run();
  primary.pass(5, [1, 2]);
  for (const peer of [1, 2, 1, 2]) primary.ack(peer);
  expect([primary.stateOf(1), primary.stateOf(2)]).toEqual(['inSync', 'inSync']);
  return primary;
}

describe('a backup for which output waits', () => {
  it('is dropped after a while, through a new generation, and the output leaves', () => {
    const primary = withTwo();
    primary.run(consoleOf('a'));
    primary.ack(1);
    primary.pass(1_990, [1, 2]);
    expect(primary.losses).toEqual([]);
    expect(primary.console).toBe('');
    primary.pass(20, [1, 2]);
    expect(primary.losses).toEqual([
      expect.stringMatching(/too slow: output has waited 20\d\d ms/),
    ]);
    expect(primary.of('claim').at(-1)).toMatchObject({ inSync: ['b1'], reason: 'backupLost' });
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });

  it('is the one that is furthest behind; the next one gets all the patience again', () => {
    const primary = withTwo();
    primary.run(consoleOf('a'));
    primary.run();
    primary.ack(2, primary.epoch - 2);
    primary.ack(1, primary.epoch - 2);
    primary.run(consoleOf('b', 1));
    primary.ack(1, primary.epoch - 1);
    primary.ack(2, primary.epoch - 3);
    primary.pass(2_010, [1, 2]);
    expect(primary.stateOf(2)).toBeUndefined();
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
    primary.pass(1_900, [1]);
    expect(primary.stateOf(1)).toBe('inSync');
    primary.pass(200, [1]);
    expect(primary.stateOf(1)).toBeUndefined();
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('ab');
  });

  it('is not blamed while the storage keeps output waiting, or while this process slept', () => {
    const primary = withTwo();
    primary.lose(2);
    primary.run(consoleOf('a'));
    primary.pass(3_000, [1]);
    expect(primary.losses).toEqual(['the link broke']);
    primary.answerClaim({ kind: 'won' });
    primary.pass(1_000, [1]);
    primary.nowMs += 3_000;
    primary.pass(1_000, [1]);
    expect(primary.losses).toEqual(['the link broke']);
  });
});

it('drops a backup that lags far behind a guest which cannot be slowed down more', () => {
  const primary = new DrivenPrimary({ slowBackup: rule });
  primary.joinInSync(1);
  const step = (ms: number): void => {
    for (let i = 0; i < ms / 100; i += 1) {
      primary.run();
      primary.pass(100, [1]);
      // It gets on, 2 s behind.
      if (primary.stateOf(1)) primary.ack(1, primary.epoch, Math.max(2, primary.epoch - 20));
    }
  };
  // 1.1 s to be far behind, 2 s more to the lowest share.
  step(12_000);
  expect(primary.role.status(primary.nowMs).sharePercent).toBe(10);
  expect(primary.losses).toEqual([]);
  step(3_000);
  expect(primary.losses).toEqual([
    expect.stringMatching(/too slow: .* behind a guest slowed down/),
  ]);
});

describe('a backup that was dropped', () => {
  const dropped = (): DrivenPrimary => {
    const primary = new DrivenPrimary({ slowBackup: rule });
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.pass(2_010, [1]);
    primary.answerClaim({ kind: 'won' });
    return primary;
  };
  const refusal = (primary: DrivenPrimary, peer: number): string | undefined => {
    primary.hello(peer, 'b1');
    return primary.sent(peer, 'refusal').at(-1)?.code;
  };

  it('stays away for a while, twice as long the next time', () => {
    const primary = dropped();
    expect(refusal(primary, 2)).toBe('FTVM_TOO_SLOW');
    primary.pass(10_000);
    primary.joinInSync(3, 'b1');
    primary.run(consoleOf('b', 1));
    primary.pass(2_010, [3]);
    expect(primary.losses).toHaveLength(2);
    primary.answerClaim({ kind: 'won' });
    primary.pass(19_000);
    expect(refusal(primary, 4)).toBe('FTVM_TOO_SLOW');
    primary.pass(1_000);
    expect(refusal(primary, 5)).toBeUndefined();
  });

  it('does not keep others away', () => {
    const primary = dropped();
    primary.hello(2, 'b2');
    expect(primary.sent(2, 'welcome')).toHaveLength(1);
  });
});
