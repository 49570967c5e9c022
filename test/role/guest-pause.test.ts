import { describe, expect, it } from 'vitest';
import { DrivenBackup } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';

const pause = [{ kind: 'pausePressed' }] as const;
const resume = [{ kind: 'resumePressed' }] as const;
const isPaused = ({ role, nowMs }: DrivenPrimary): boolean => role.status(nowMs).isPaused;

describe('a paused guest', () => {
  it('is told to be paused once every backup has that record', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.record(pause);
    primary.ran();
    primary.pass(5, [1]);
    expect(isPaused(primary)).toBe(false);
    primary.ack(1);
    expect(isPaused(primary)).toBe(true);
    primary.record(resume);
    primary.ran();
    primary.pass(5, [1]);
    expect(isPaused(primary)).toBe(true);
    primary.ack(1);
    expect(isPaused(primary)).toBe(false);
  });

  it('is no failure: heartbeats go on both ways, and nobody is suspected', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.record(pause);
    primary.ran();
    primary.pass(5, [1]);
    primary.ack(1);
    const before = primary.of('sendHeartbeat').length;
    primary.pass(20_000, [1]);
    expect(primary.losses).toEqual([]);
    expect(primary.stateOf(1)).toBe('inSync');
    expect(primary.of('sendHeartbeat').length).toBeGreaterThan(before + 90);

    const backup = DrivenBackup.inSync();
    backup.record(pause);
    backup.pass(20_000, 'channel');
    expect(backup.claims).toEqual([]);
  });

  it('takes a backup in, which knows that it is paused', () => {
    const primary = new DrivenPrimary();
    primary.record(pause);
    primary.ran();
    primary.hello(1);
    primary.cut();
    primary.pass(10, [1]);
    expect(primary.stateOf(1)).toBe('inSync');
  });

  it('is still paused for the backup that goes live', () => {
    const backup = DrivenBackup.inSync();
    for (const events of [pause, resume, pause]) {
      backup.record(events);
      backup.ran(backup.role.status().received);
    }
    backup.closeChannel();
    backup.probed('gone');
    backup.answerClaim({ kind: 'won' });
    backup.wentLive(backup.role.status().ran);
    const { start } = backup.of('becomePrimary').at(-1)!;
    expect(start.isPaused).toBe(true);
    expect(isPaused(new DrivenPrimary({}, start))).toBe(true);
  });
});
