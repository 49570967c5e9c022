import { describe, expect, it } from 'vitest';
import { DrivenPrimary } from './driven-primary.js';
import { consoleOf, frameOf, readOf, writeOf } from './settings.js';

describe('with nobody in sync', () => {
  it('lets output out as the guest makes it', () => {
    const primary = new DrivenPrimary();
    primary.run(consoleOf('hello'));
    expect(primary.console).toBe('hello');
  });

  it('waits neither for a backup that awaits the cut, nor for one that gets the state', () => {
    const primary = new DrivenPrimary();
    primary.hello(1);
    primary.run(consoleOf('a'));
    primary.cut(16 * 1024 * 1024);
    expect(primary.stateOf(1)).toBe('receivingState');
    primary.run(consoleOf('b', 1));
    expect(primary.console).toBe('ab');
  });

  it('does not wait for a backup that catches up', () => {
    const primary = new DrivenPrimary();
    primary.joinCatchingUp(1);
    expect(primary.stateOf(1)).toBe('catchingUp');
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('a');
  });
});

describe('with a backup in sync', () => {
  it('holds an output until the record of its epoch is acknowledged', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('');
    primary.ack(1, primary.epoch - 1);
    expect(primary.console).toBe('');
    primary.ack(1);
    expect(primary.console).toBe('a');
  });

  it('releases nothing that has not run, however early the ack', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.record();
    primary.pass(5);
    primary.ack(1, primary.epoch, primary.epoch - 1);
    expect(primary.console).toBe('');
    primary.ran(consoleOf('a'));
    expect(primary.console).toBe('a');
  });

  it('releases in guest order, whatever the order of the acks', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.run(consoleOf('b', 1));
    primary.ack(1, primary.epoch);
    primary.ack(1, primary.epoch - 1, primary.epoch - 1);
    primary.run(consoleOf('c', 2));
    expect(primary.console).toBe('ab');
  });

  it('holds frames, writes and power off like console bytes, and no reads', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(frameOf('f'), writeOf(1, 0), readOf(2, 4096), { kind: 'powerOff' });
    expect(primary.of('emitFrame')).toEqual([]);
    expect(primary.startedDisk).toEqual([2]);
    expect(primary.of('end')).toEqual([]);
    primary.ack(1);
    expect(primary.of('emitFrame')).toHaveLength(1);
    expect(primary.startedDisk).toEqual([2, 1]);
  });

  it('tells with the records how far output has left', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    const released = primary.epoch;
    primary.ack(1);
    primary.run(consoleOf('b', 1));
    expect(primary.sent(1, 'records').at(-1)).toMatchObject({ released, consoleReleased: 1 });
  });
});

describe('with several backups in different states', () => {
  function withTwoInSync(): DrivenPrimary {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.hello(2);
    primary.cut();
    primary.ack(1);
    primary.pass(5, [1, 2]);
    primary.ack(2);
    expect([primary.stateOf(1), primary.stateOf(2)]).toEqual(['inSync', 'inSync']);
    return primary;
  }

  it.each([
    [1, 2],
    [2, 1],
  ])('waits for the slowest of those in sync (%i acknowledges before %i)', (first, last) => {
    const primary = withTwoInSync();
    primary.run(consoleOf('a'));
    primary.ack(first);
    expect(primary.console).toBe('');
    primary.ack(last);
    expect(primary.console).toBe('a');
  });

  it('tells no backup that it is in sync while output of before its cut waits for another', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('before'));
    primary.hello(2);
    primary.cut();
    primary.run();
    primary.pass(5, [1, 2]);
    primary.ack(2);
    primary.ack(2);
    // It has every record from the cut on, and could not repeat what it never saw.
    expect(primary.stateOf(2)).toBe('required');
    primary.ack(1);
    primary.ack(2);
    expect(primary.console).toBe('before');
    expect(primary.stateOf(2)).toBe('inSync');
  });

  it('waits for a required backup before it is told that it is in sync', () => {
    const primary = new DrivenPrimary();
    primary.joinCatchingUp(1);
    primary.run(consoleOf('early'));
    expect(primary.console).toBe('early');
    // Close behind, and yet without the record that made `early`.
    primary.ack(1, primary.epoch - 1);
    expect(primary.stateOf(1)).toBe('required');
    expect(primary.sent(1, 'inSync')).toEqual([]);
    primary.run(consoleOf('late', 5));
    expect(primary.console).toBe('early');
    primary.ack(1, primary.epoch - 1);
    expect(primary.stateOf(1)).toBe('inSync');
    primary.ack(1);
    expect(primary.console).toBe('earlylate');
  });

  it('stops waiting for a required backup that is lost, without a claim: it may not go live', () => {
    const primary = new DrivenPrimary();
    primary.joinCatchingUp(1);
    primary.run();
    primary.ack(1, primary.epoch - 1);
    expect(primary.stateOf(1)).toBe('required');
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('');
    primary.lose(1);
    expect(primary.of('claim')).toEqual([]);
    expect(primary.console).toBe('a');
  });

  it.each(['awaitingCut', 'receivingState', 'catchingUp'])(
    'goes on when one is lost in %s',
    (state) => {
      const primary = new DrivenPrimary();
      primary.hello(1);
      if (state !== 'awaitingCut') primary.cut(state === 'catchingUp' ? 4096 : 16 * 1024 * 1024);
      expect(primary.stateOf(1)).toBe(state);
      primary.lose(1);
      expect(primary.of('claim')).toEqual([]);
      primary.run(consoleOf('a'));
      expect(primary.console).toBe('a');
    },
  );

  it('tells nobody that it is in sync while a claim is open', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.hello(2);
    primary.cut();
    primary.ack(1);
    primary.lose(1);
    primary.ack(2);
    expect(primary.stateOf(2)).toBe('required');
    primary.answerClaim({ kind: 'won' });
    primary.pass(5, [2]);
    expect(primary.stateOf(2)).toBe('inSync');
    expect(primary.sent(2, 'inSync')).toEqual([{ kind: 'inSync', generation: 2 }]);
  });
});

describe('with the Output Rule off, to show what it prevents', () => {
  it('lets output out at once, and still not while it may not be live', () => {
    const primary = new DrivenPrimary({ outputCommit: false });
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('a');
    primary.lose(1);
    primary.run(consoleOf('b', 1));
    expect(primary.console).toBe('a');
  });
});
