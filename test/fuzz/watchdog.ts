import { Worker } from 'node:worker_threads';

/** No parser takes a millisecond; a machine that does other things too may stretch that. */
const stuckMsMax = 30_000;

/**
 * Ends the process when one case does not end: a parser that loops never lets go of its thread, so
 * nothing in the same thread can tell.
 */
export class Watchdog {
  /** Cases begun, and of the case under way the number and the place of its line. */
  readonly #now = new Int32Array(new SharedArrayBuffer(12));
  readonly #worker: Worker;

  /** `lines[i]` and the number of a case repeat it. */
  constructor(lines: readonly string[]) {
    const workerData = { now: this.#now, lines, stuckMsMax };
    this.#worker = new Worker(source, { eval: true, workerData });
    this.#worker.unref();
  }

  watch(line: number, caseNumber: number): void {
    this.#now[1] = line;
    this.#now[2] = caseNumber;
    Atomics.add(this.#now, 0, 1);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

const source = `
const { writeSync } = require('node:fs');
const { now, lines, stuckMsMax } = require('node:worker_threads').workerData;
let seen = -1;
setInterval(() => {
  const begun = Atomics.load(now, 0);
  if (begun === seen) {
    writeSync(2, 'a case does not end within ' + stuckMsMax + ' ms: ' + lines[now[1]] + now[2] + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
  seen = begun;
}, stuckMsMax);
`;
