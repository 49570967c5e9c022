import { opendirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

// V8's pool: Node starts a thread for delayed tasks and these four before any other.
const poolStart = 2;
const poolEnd = 6;
// A third of the weight of the others: the guest and the control plane run first where cores are
// short. Lower still, the control plane's own JavaScript would wait seconds to be optimized.
const steps = 5;

/**
 * Lets the engine's optimizing compiler have the cores that nobody else needs: a guest doing
 * something for the first time keeps it as busy as two to four vCPUs, on both replicas at once.
 *
 * Shape:  Linux has a priority per thread; elsewhere nothing happens. Threads started later keep
 *         their own priority.
 */
export function lowerCompilerThreads(): void {
  if (process.platform !== 'linux' || hasOwnPool()) return;
  try {
    const priority = Math.min(constants.priority.PRIORITY_LOW, getPriority() + steps);
    for (const tid of threadsByAge().slice(poolStart, poolEnd)) setPriority(tid, priority);
  } catch {
    // No /proc, or no right to it: slower when cores are short, and nothing else.
  }
}

function hasOwnPool(): boolean {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  return options.some((option) => option.includes('--v8-pool-size'));
}

/** As the kernel lists them; names would sort by digits, and ids wrap. */
function threadsByAge(): number[] {
  const threads: number[] = [];
  const directory = opendirSync('/proc/self/task');
  for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
    threads.push(Number(entry.name));
  }
  directory.closeSync();
  return threads;
}
