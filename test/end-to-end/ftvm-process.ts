import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Transcript } from './transcript.js';

const ourProgram = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));
const running = new Set<ChildProcess>();
// However a test file ends, it leaves no process behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface FtvmProcessOptions {
  readonly cwd?: string;
  /** The host fails writes beyond that size of a file. */
  readonly fileKiBMax?: number;
  /** A module that is loaded before the program. */
  readonly preload?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another Node than ours. */
  readonly node?: string;
  /** Another build than ours: its `bin/ftvm`. */
  readonly program?: string;
}

export interface Finished {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real `ftvm` in a process of its own. */
export class FtvmProcess {
  readonly stdout: Transcript;
  readonly stderr: Transcript;
  /** Its exit status, or the signal that ended it; by then its output is complete. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(words: readonly string[], options: FtvmProcessOptions = {}) {
    const { cwd, fileKiBMax, preload, env } = options;
    const { node = process.execPath, program = ourProgram } = options;
    const name = `ftvm ${words.join(' ')}`;
    this.stdout = new Transcript(`stdout of ${name}`);
    this.stderr = new Transcript(`stderr of ${name}`);
    const limit = fileKiBMax === undefined ? '' : `ulimit -f ${fileKiBMax}; `;
    const before = preload ? ['--import', preload] : [];
    const command = [`${limit}exec "$0" "$@"`, node, ...before, program, ...words];
    const child = spawn('bash', ['-c', ...command], {
      stdio: 'pipe',
      cwd,
      env: { ...process.env, ...env },
    });
    this.#child = child;
    running.add(child);
    child.stdout.on('data', (chunk: Buffer) => this.stdout.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.stderr.add(chunk));
    // Whoever types to a process that has ended types in vain.
    child.stdin.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      child.once('close', (status, signal) => {
        running.delete(child);
        this.stdout.finish();
        this.stderr.finish();
        resolve(status ?? signal ?? 'unknown');
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }
  closeStdin(): void {
    this.#child.stdin?.end();
  }
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As a power cut: no handler runs. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  async finished(): Promise<Finished> {
    const status = await this.ended;
    return { status, stdout: this.stdout.text, stderr: this.stderr.text };
  }

  // --- the guest on its console --------------------------------------------------------------

  /** Types a line and answers what the guest's console showed from there until `pattern`. */
  async ask(line: string, pattern: RegExp): Promise<RegExpExecArray> {
    const from = this.stdout.end;
    this.type(`${line}\n`);
    return this.stdout.until(pattern, from);
  }

  /** Types a command at the guest's shell; answers what it printed, without the prompt. */
  async shell(command: string): Promise<string> {
    const match = await this.ask(command, /^([^]*?)\n?guest:[^\n]*# $/);
    const printed = (match[1] ?? '').replaceAll('\r', '');
    // The terminal of the guest shows what is typed.
    return printed.replace(/^[^\n]*\n?/, '');
  }
}
