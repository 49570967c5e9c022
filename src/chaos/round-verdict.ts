import type { History } from './history.js';
import { judgeHistory } from './linearizability.js';
import type { RedisAnswer } from './redis-socket.js';

/** What the answers of one round prove. */
export interface RoundVerdict {
  readonly isLinearizable: boolean;
  /** Acknowledged writes that the service does not know any more. */
  readonly lost: number;
  readonly violations: readonly string[];
}

/** `readBack`: what the keys of `history.kept` hold now, in that order. */
export function judgeRound(
  history: History,
  readBack: readonly (RedisAnswer | undefined)[],
): RoundVerdict {
  const gone = history.kept.filter(({ value }, i) => readBack[i] !== value);
  const violations = gone
    .slice(0, shownMax)
    .map(({ key, value }) => `acknowledged and lost: ${key} = ${value}`);
  const verdict = judgeHistory(history.operations);
  if (verdict.kind === 'impossible') {
    violations.push(`not linearizable: ${verdict.key}: ${verdict.why}`);
  }
  if (verdict.kind === 'undecided') {
    violations.push(`whether ${verdict.key} is linearizable takes too long to find out`);
  }
  return {
    isLinearizable: verdict.kind === 'linearizable',
    lost: gone.length,
    violations,
  };
}

const shownMax = 5;
