import { expect, it } from 'vitest';
import { History } from '../../src/chaos/history.js';
import { judgeRound } from '../../src/chaos/round-verdict.js';

function historyOfOneClient(finalRead: number): History {
  const history = new History();
  const common = { client: 0, key: 'x' };
  for (let count = 1; count <= 3; count += 1) {
    const answer = { value: count, atMs: count * 10 + 5 };
    history.add({ ...common, call: { kind: 'increment' }, invokedAtMs: count * 10, answer });
  }
  const answer = { value: finalRead, atMs: 101 };
  history.add({ ...common, call: { kind: 'get' }, invokedAtMs: 100, answer });
  history.keep({ key: 'kept:1', value: '11' });
  history.keep({ key: 'kept:2', value: '12' });
  return history;
}

it('a round in which everything is read back has nothing to say', () => {
  const history = historyOfOneClient(3);
  expect(history.acknowledgedWrites).toBe(5);
  expect(judgeRound(history, ['11', '12'])).toEqual({
    isLinearizable: true,
    lost: 0,
    violations: [],
  });
});

it('an acknowledged write that is gone fails the round', () => {
  const gone = judgeRound(historyOfOneClient(3), ['11', null]);
  expect(gone).toMatchObject({ lost: 1, isLinearizable: true });
  expect(gone.violations).toEqual(['acknowledged and lost: kept:2 = 12']);
  expect(judgeRound(historyOfOneClient(3), []).lost).toBe(2);
});

it('an acknowledged count that is gone fails the round', () => {
  const verdict = judgeRound(historyOfOneClient(2), ['11', '12']);
  expect(verdict).toMatchObject({ isLinearizable: false, lost: 0 });
  expect(verdict.violations[0]).toMatch(/^not linearizable: x: /);
});
