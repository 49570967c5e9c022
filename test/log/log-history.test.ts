import { describe, expect, it } from 'vitest';
import { LogHistory, noPast, type PastLog } from '../../src/log/log-history.js';
import { recordBytes } from '../../src/log/log-record.js';
import { digestOf, recordOf, standOf } from '../role/settings.js';

/** Each record carries the state before it, as a vCPU makes them. */
const record = (epoch: number) => ({ ...recordOf(epoch), before: digestOf(epoch - 1) });
const plenty = 1_000_000;

function extend(history: LogHistory, from: number, through: number): LogHistory {
  for (let epoch = from; epoch <= through; epoch += 1) {
    history.record(record(epoch));
    history.ran(digestOf(epoch));
  }
  return history;
}
/** The log of generation 1 up to epoch 20, then that of generation 2 up to epoch 30. */
function takenOver(bytesMax = plenty): LogHistory {
  const backup = extend(new LogHistory(bytesMax, noPast(1), 10), 11, 20);
  return extend(new LogHistory(bytesMax, backup.handOn(2, 20), 20), 21, 30);
}

describe('a replica that wants to go on', () => {
  it.each([
    ['behind the end of the log of both', standOf(15)],
    ['where the new primary went live', standOf(20)],
    ['in the log of the new primary', standOf(25, 2)],
    ['at the end of it', standOf(30, 2)],
    ['with records that have not run', standOf(20, 1, 14)],
    ['with a machine that has not run yet', { ...standOf(14), digest: null }],
  ])('may: %s', (_where, stand) => {
    expect(takenOver().whyParted(stand)).toBeNull();
  });

  it('has records that the new primary never had: its history is another one', () => {
    // As far as states go, the two are the same.
    expect(takenOver().whyParted(standOf(21))).toContain('epoch 21 of a log of which epoch 20');
    expect(takenOver().whyParted(standOf(21, 1, 20))).toContain('epoch 21 of a log');
    expect(takenOver().whyParted(standOf(31, 2))).toContain('epoch 31 of a log');
  });

  it('has followed nobody that is known here', () => {
    expect(takenOver().whyParted(standOf(15, 7))).toContain('unknown');
    const coldStarted = extend(new LogHistory(plenty, noPast(3), 0), 1, 30);
    expect(coldStarted.whyParted(standOf(15))).toContain('unknown');
  });

  it('is not the machine that it should be', () => {
    const digest = { ...digestOf(15), memoryHash: 1 };
    expect(takenOver().whyParted({ ...standOf(15), digest })).toContain('another one: memory');
    const last = { ...digestOf(30), flags: 1 };
    expect(takenOver().whyParted({ ...standOf(30, 2), digest: last })).toContain('eflags');
  });

  it('is too far behind', () => {
    const history = takenOver(5 * recordBytes(record(1)));
    expect(history.whyParted(standOf(25, 2))).toBeNull();
    expect(history.whyParted(standOf(24, 2))).toContain('not kept');
    // The records are there, but not the one that tells what its state should be.
    expect(history.whyParted(standOf(26, 2, 24))).toContain('not kept');
  });

  it('says nonsense', () => {
    expect(takenOver().whyParted(standOf(15, 1, 16))).not.toBeNull();
  });
});

it('hands out the records behind a stand', () => {
  const epochs = takenOver()
    .since(standOf(18))
    .map(({ epoch }) => epoch);
  expect(epochs).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  expect(takenOver().since(standOf(30, 2))).toEqual([]);
});

it('knows whose log is whose through two take-overs, as far as it is kept', () => {
  const third = (past: PastLog) => new LogHistory(plenty, past, 30);
  expect(third(takenOver().handOn(5, 30)).lineage).toEqual({
    liveSince: 5,
    before: [
      { liveSince: 1, through: 20 },
      { liveSince: 2, through: 30 },
    ],
  });
  const short = takenOver(5 * recordBytes(record(1)));
  expect(third(short.handOn(5, 30)).lineage.before).toEqual([{ liveSince: 2, through: 30 }]);
});

it('stands nowhere when its guest has crashed, as that left no state', () => {
  const history = extend(new LogHistory(plenty, noPast(1), 10), 11, 12);
  expect(history.stand({ received: 14, ran: 12 })).toEqual(standOf(14, 1, 12));
  expect(history.stand({ received: 14, ran: 13 })).toBeNull();
});
