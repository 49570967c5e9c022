import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FtvmError } from '../errors.js';

/** The guest did not do what the bench waits for. */
export class BenchError extends FtvmError {
  readonly code = 'FTVM_BENCH';
  readonly remedy = 'Try again on a machine that is less busy.';
}

const ftvm = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));

/** A guest in a process of its own, its serial console on the process's stdin and stdout. */
export class GuestProcess {
  readonly process: ChildProcess;
  readonly startedAtMs = performance.now();
  #text = '';
  #diagnostics = '';
  #diagnosticsSeen = 0;
  #changed: () => void = () => undefined;
  readonly #ended: Promise<never>;

  static readonly #running = new Set<GuestProcess>();

  static ftvm(...words: readonly string[]): GuestProcess {
    return new GuestProcess(process.execPath, [ftvm, ...words]);
  }
  /** With a directory for caches of its own: what this user's has stays as it is. */
  static ftvmCaching(cacheDir: string, ...words: readonly string[]): GuestProcess {
    return new GuestProcess(process.execPath, [ftvm, ...words], { XDG_CACHE_HOME: cacheDir });
  }
  /** Ends all there are; whoever waits for one of them hears of it. */
  static killAll(): void {
    for (const guest of GuestProcess.#running) guest.process.kill('SIGKILL');
  }

  constructor(
    program: string,
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.process = spawn(program, words, { stdio: 'pipe', env: { ...process.env, ...env } });
    GuestProcess.#running.add(this);
    this.process.stdin?.on('error', () => undefined);
    this.process.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      this.#changed();
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#diagnostics += text;
      this.#changed();
    });
    this.#ended = new Promise((_resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('exit', (code, signal) => {
        GuestProcess.#running.delete(this);
        reject(new BenchError(`A guest ended (${code ?? signal}): ${this.#diagnostics}`));
      });
    });
    this.#ended.catch(() => undefined);
  }

  /** Resolves with the match once the console shows it; what is before it is forgotten. */
  expect(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#await(() => {
      const match = pattern.exec(this.#text);
      if (match) this.#text = this.#text.slice(match.index + match[0].length);
      return match;
    }, String(pattern));
  }
  /** The same for its diagnostics. */
  expectDiagnostics(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#await(() => {
      const match = pattern.exec(this.#diagnostics.slice(this.#diagnosticsSeen));
      if (match) this.#diagnosticsSeen += match.index + match[0].length;
      return match;
    }, String(pattern));
  }

  type(text: string): void {
    this.process.stdin?.write(text);
  }

  /** Runs a shell command and resolves with how long the guest took over it, in milliseconds. */
  async time(command: string): Promise<number> {
    const startedAtMs = performance.now();
    // The marker is computed, so that its echo does not look like it.
    this.type(`${command}; echo d$((1+1))ne\n`);
    await this.expect(/d2ne/);
    const tookMs = performance.now() - startedAtMs;
    await this.expect(/# $/);
    return tookMs;
  }

  /** CPU time of all threads so far, in milliseconds. Linux only; elsewhere 0. */
  cpuMs(): number {
    try {
      const stat = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) * msPerTick;
    } catch {
      return 0;
    }
  }

  /** Resolves once it has ended by itself. */
  async ended(): Promise<void> {
    await this.#ended.catch(() => undefined);
  }

  /** As on Ctrl-C: it puts away what it has to, and ends. */
  async leave(): Promise<void> {
    this.process.kill('SIGINT');
    await this.ended();
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended.catch(() => undefined);
  }

  async #await<T>(look: () => T | null, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const found = new Promise<T>((resolve) => {
      this.#changed = () => {
        const seen = look();
        if (seen !== null) resolve(seen);
      };
      this.#changed();
    });
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () =>
          reject(new BenchError(`Waited two minutes for ${what}; seen: ${this.#text.slice(-200)}`)),
        120_000,
      );
    });
    try {
      return await Promise.race([found, tooLate, this.#ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}

// USER_HZ is 100 on every Linux that Node runs on.
const msPerTick = 10;
