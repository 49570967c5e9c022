import { describe, expect, it } from 'vitest';
import { defaultSlowBackupRule } from '../../src/role/slow-backups.js';
import { DrivenPrimary } from './driven-primary.js';
import { bytesOf, consoleOf } from './settings.js';

const typed = (count: number) => [{ kind: 'consoleInput', bytes: new Uint8Array(count) }] as const;
const count = (commands: string[], kind: string) => commands.filter((each) => each === kind).length;

describe('a full log buffer', () => {
  it('stops the guest at its next epoch, once, and lets it go on when there is room (§3.2)', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    for (let i = 0; i < 9; i += 1) primary.record(typed(8192));
    expect(count(primary.commands(), 'pause')).toBe(1);
    primary.pass(5, [1]);
    primary.ack(1, primary.epoch - 8, 2);
    expect(count(primary.commands(), 'resume')).toBe(0);
    primary.ack(1, primary.epoch - 2, 2);
    expect(count(primary.commands(), 'resume')).toBe(1);
  });

  it('keeps nothing while nobody wants it', () => {
    const primary = new DrivenPrimary();
    for (let i = 0; i < 100; i += 1) primary.record(typed(8192));
    expect(primary.role.status(primary.nowMs).logBufferBytes).toBe(0);
    expect(primary.commands()).toEqual([]);
  });

  it('does not fill for a backup that awaits the cut, which would then never come', () => {
    const primary = new DrivenPrimary();
    primary.hello(1);
    for (let i = 0; i < 100; i += 1) primary.record(typed(8192));
    expect(primary.commands()).toEqual(['cut']);
  });

  it('is empty again when the backup it was for is lost', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    for (let i = 0; i < 9; i += 1) primary.record(typed(8192));
    primary.lose(1);
    expect(primary.role.status(primary.nowMs).logBufferBytes).toBe(0);
    expect(primary.commands().at(-1)).toBe('resume');
  });

  it('bounds what a link has to hold for a peer that never reads', () => {
    const primary = new DrivenPrimary();
    primary.joinCatchingUp(1);
    let paused = false;
    for (let i = 0; i < 1000 && !paused; i += 1) {
      primary.run();
      primary.record(typed(1024));
      primary.ran();
      paused = primary.commands().includes('pause');
    }
    expect(paused).toBe(true);
    const recordBytes = primary
      .sent(1, 'records')
      .flatMap(({ records }) => records.map(({ events }) => 64 + (events.length && 1048)))
      .reduce((sum, bytes) => sum + bytes, 0);
    expect(recordBytes).toBeLessThan(2 * 64 * 1024);
  });
});

describe('a backup that is heard and does not get on', () => {
  it.each([
    ['takes no state', (primary: DrivenPrimary) => primary.cut(16 * 1024 * 1024)],
    ['acknowledges no record', (primary: DrivenPrimary) => primary.cut()],
  ])('is lost after a while, so that the guest goes on, when it %s', (_what, begin) => {
    const primary = new DrivenPrimary();
    primary.hello(1);
    begin(primary);
    for (let i = 0; i < 9; i += 1) primary.record(typed(8192));
    expect(primary.commands().at(-1)).toBe('pause');
    primary.pass(9_000, [1]);
    expect(primary.losses).toEqual([]);
    primary.pass(2_000, [1]);
    expect(primary.losses).toEqual(['it does not get on with the log']);
    expect(
      primary
        .commands()
        .filter((kind) => kind !== 'setSharePercent')
        .at(-1),
    ).toBe('resume');
  });

  it('is lost when it receives everything and runs nothing', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    const stuckAt = primary.epoch;
    for (let ms = 0; ms < 11_000; ms += 50) {
      primary.run();
      primary.pass(50, [1]);
      primary.ack(1, primary.epoch, stuckAt);
    }
    expect(primary.losses).toEqual(['it does not get on with the log']);
  });

  it('is kept while nothing is there for it to do', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(60_000, [1]);
    expect(primary.losses).toEqual([]);
  });

  it('is kept while it gets on, however slowly, if the operator wants that', () => {
    const lagMsMax = Number.POSITIVE_INFINITY;
    const primary = new DrivenPrimary({ slowBackup: { ...defaultSlowBackupRule, lagMsMax } });
    primary.joinInSync(1);
    for (let i = 0; i < 20; i += 1) primary.run();
    primary.pass(5, [1]);
    for (let i = 19; i >= 0; i -= 1) {
      primary.pass(5_000, [1]);
      primary.ack(1, primary.epoch - i);
    }
    expect(primary.losses).toEqual([]);
  });
});

describe('the share of the vCPU', () => {
  it('falls a few percent at a time while the backup lags, and no lower than the floor', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run();
    primary.pass(5, [1]);
    const shares: number[] = [];
    for (let i = 0; i < 60; i += 1) {
      primary.run();
      primary.pass(100, [1]);
      primary.ack(1, primary.epoch, Math.max(2, primary.epoch - 10));
      shares.push(primary.role.status(primary.nowMs).sharePercent);
    }
    expect(shares.at(-1)).toBe(10);
    const steps = shares.map((share, i) => (shares[i - 1] ?? 100) - share);
    expect(Math.max(...steps)).toBeLessThanOrEqual(3);
  });

  it('comes back to 100 when there is no backup', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run();
    primary.pass(3_000, [1]);
    expect(primary.role.status(primary.nowMs).sharePercent).toBeLessThan(50);
    primary.lose(1);
    primary.answerClaim({ kind: 'won' });
    primary.pass(5_000);
    expect(primary.role.status(primary.nowMs).sharePercent).toBe(100);
  });
});

describe('sending', () => {
  it('batches records of a quiet guest', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    const before = primary.sent(1, 'records').length;
    primary.run();
    primary.run();
    expect(primary.sent(1, 'records')).toHaveLength(before);
    primary.pass(5, [1]);
    expect(primary.sent(1, 'records').at(-1)?.records).toHaveLength(2);
  });

  it('sends at once when an output waits (§3.5)', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    const before = primary.sent(1, 'records').length;
    primary.run(consoleOf('a'));
    expect(primary.sent(1, 'records')).toHaveLength(before + 1);
    primary.record();
    expect(primary.sent(1, 'records')).toHaveLength(before + 2);
  });

  it('keeps the channel of a halted guest alive, and heartbeats beside it (§2.3)', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.effects.length = 0;
    primary.pass(500, [1]);
    expect(primary.sent(1, 'keepAlive').length).toBeGreaterThanOrEqual(4);
    expect(primary.of('sendHeartbeat').length).toBeGreaterThanOrEqual(2);
    expect(primary.of('sendHeartbeat')[0]?.to).toBe('b1:2');
  });

  it('gives ten life signs in a timeout, on both paths, once the channel is not heard', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(200);
    primary.effects.length = 0;
    primary.pass(200);
    expect(primary.of('sendHeartbeat').length).toBeGreaterThanOrEqual(4);
    expect(primary.sent(1, 'keepAlive').length).toBeGreaterThanOrEqual(4);
  });

  it('sends the records of an idle guest when it rests, for an ack that nobody waits for', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    const before = primary.sent(1, 'records').length;
    primary.run();
    primary.run();
    primary.step({ kind: 'vcpu', event: { kind: 'rested' } });
    expect(primary.sent(1, 'records')).toHaveLength(before + 1);
    expect(primary.sent(1, 'records').at(-1)?.records).toHaveLength(2);
    expect(primary.sent(1, 'records').at(-1)?.isAwaited).toBe(false);
    primary.run(consoleOf('a'));
    expect(primary.sent(1, 'records').at(-1)?.isAwaited).toBe(true);
  });

  it('batches records of a guest that rests again and again', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    const before = primary.sent(1, 'records').length;
    for (let rest = 0; rest < 4; rest += 1) {
      primary.nowMs += 1;
      primary.run();
      primary.step({ kind: 'vcpu', event: { kind: 'rested' } });
    }
    expect(primary.sent(1, 'records')).toHaveLength(before + 2);
  });
});

describe('a primary is quiet', () => {
  const inSync = (): DrivenPrimary => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    return primary;
  };
  const isQuiet = (primary: DrivenPrimary): boolean => primary.role.isQuiet(primary.nowMs);

  it('while its guest is idle and its backups are heard', () => {
    expect(isQuiet(new DrivenPrimary())).toBe(true);
    expect(isQuiet(inSync())).toBe(true);
  });
  it('but not with a record to send or output that waits', () => {
    const sending = inSync();
    sending.run();
    expect(isQuiet(sending)).toBe(false);
    const waiting = inSync();
    waiting.run(consoleOf('a'));
    expect(isQuiet(waiting)).toBe(false);
  });
  it('but not while a backup joins or has fallen silent', () => {
    const joining = inSync();
    joining.hello(2);
    expect(isQuiet(joining)).toBe(false);
    const silent = inSync();
    silent.pass(200);
    expect(isQuiet(silent)).toBe(false);
  });
  it('but not while it claims, or is about to leave', () => {
    const claiming = inSync();
    claiming.lose(1);
    expect(isQuiet(claiming)).toBe(false);
    const leaving = inSync();
    leaving.run({ kind: 'diskRead', drive: 'hda', id: 1, offsetBytes: 0, lengthBytes: 512 });
    leaving.pass(5, [1]);
    leaving.step({ kind: 'leave' });
    expect(isQuiet(leaving)).toBe(false);
  });
});

it('injects what comes from outside, until the guest is over', () => {
  const primary = new DrivenPrimary();
  primary.step({ kind: 'guestEvent', event: { kind: 'consoleInput', bytes: bytesOf('a') } });
  expect(primary.commands()).toEqual(['inject']);
});
