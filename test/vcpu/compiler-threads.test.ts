import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { lowerCompilerThreads } from '../../src/vcpu/compiler-threads.js';

/** By the ids of this process's threads. */
function niceness(): Map<number, number> {
  return new Map(
    readdirSync('/proc/self/task').map((tid) => {
      const stat = readFileSync(`/proc/self/task/${tid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [Number(tid), Number(fields[16])] as const;
    }),
  );
}

it.runIf(process.platform === 'linux')(
  'gives the four threads of the compiler less weight, and no other thread',
  () => {
    lowerCompilerThreads();
    lowerCompilerThreads();
    const own = getPriority();
    const threads = niceness();
    expect(threads.get(process.pid)).toBe(own);
    const lower = [...threads.values()].filter((nice) => nice !== own);
    expect(lower).toEqual(Array(4).fill(Math.min(19, own + 5)));
  },
);
