import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));

/** A real `ftvm run` in a process of its own. */
export class ChildReplica {
  readonly process: ChildProcess;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** We asked it to end, so its end is no surprise. */
  wasTold = false;
  #stderr = '';

  constructor(words: readonly string[]) {
    this.process = spawn(process.execPath, [program, 'run', ...words, '--headless'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharsMax);
    });
    this.ended = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }
  /** What it said last, for a report of what went wrong. */
  get lastWords(): string {
    return this.#stderr;
  }

  /** Like a power cut: no handler runs. */
  kill(): void {
    this.wasTold = true;
    this.process.kill('SIGKILL');
  }
}

const stderrCharsMax = 4000;
