import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));

/** A real `ftvm` in a process of its own. */
export class ChildFtvm {
  readonly process: ChildProcess;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** The first line it writes to stdout; never, if it writes none. */
  readonly firstLine: Promise<string>;
  /** We asked it to end, so its end is no surprise. */
  wasTold = false;
  #stdout = '';
  #stderr = '';

  /** `onStderr` hears all it says there, in pieces as they come. `preload` is a module that comes first. */
  constructor(
    words: readonly string[],
    onStderr: (text: string) => void = () => undefined,
    { preload, env }: { readonly preload?: string; readonly env?: Record<string, string> } = {},
  ) {
    const first = preload === undefined ? [] : ['--import', preload];
    this.process = spawn(process.execPath, [...first, program, ...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharsMax);
      onStderr(text);
    });
    this.firstLine = new Promise((resolve) => {
      this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.#stdout = (this.#stdout + text).slice(0, stderrCharsMax);
        const end = this.#stdout.indexOf('\n');
        if (end >= 0) resolve(this.#stdout.slice(0, end));
      });
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
