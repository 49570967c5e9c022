import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import type { HypervisorStatus } from '../../src/hypervisor/status.js';
import { FtvmProcess, type Finished, type FtvmProcessOptions } from './ftvm-process.js';

/** The guest's shell waits for a command. */
export const prompt = /guest:[^\n]*# $/;

/** A VM of its own for one test, and everything that runs it; all of it ends with the test. */
export class VmUnderTest {
  /** A scratch directory beside `dir`, for files of the test. */
  readonly place: string;
  readonly dir: string;
  /** What a primary is started with, so that it creates this machine. */
  readonly options: readonly string[];
  readonly #processes: FtvmProcess[] = [];

  constructor(options: readonly string[] = ['--memory', '32']) {
    this.options = options;
    this.place = mkdtempSync(join(tmpdir(), 'ftvm-e2e-'));
    this.dir = join(this.place, 'vm');
    onTestFinished(() => this.#end());
  }

  primary(...words: string[]): FtvmProcess {
    return this.start('run', this.dir, '--primary', ...this.options, ...words);
  }
  backup(...words: string[]): FtvmProcess {
    return this.start('run', this.dir, '--backup', ...words);
  }

  /** Any `ftvm`, ended with the test if it runs that long. */
  start(...words: string[]): FtvmProcess {
    return this.#started(new FtvmProcess(words, { cwd: this.place }));
  }
  /** One with these words in its environment. */
  startWith(env: Record<string, string>, ...words: string[]): FtvmProcess {
    return this.#started(new FtvmProcess(words, { cwd: this.place, env }));
  }
  /** An `ftvm` that cannot write beyond 40 KiB of any file. */
  limited(...words: string[]): FtvmProcess {
    return this.#started(new FtvmProcess(words, { cwd: this.place, fileKiBMax: 40 }));
  }
  /** A backup run by another Node, another build, or with a module loaded before the program. */
  backupBy(options: Omit<FtvmProcessOptions, 'cwd'>, ...words: string[]): FtvmProcess {
    const all = ['run', this.dir, '--backup', ...words];
    return this.#started(new FtvmProcess(all, { ...options, cwd: this.place }));
  }
  /** An `ftvm` that loads a module first, with these words in its environment. */
  preloaded(preload: string, env: Record<string, string>, ...words: string[]): FtvmProcess {
    return this.#started(new FtvmProcess(words, { cwd: this.place, preload, env }));
  }
  run(...words: string[]): Promise<Finished> {
    return this.start(...words).finished();
  }

  /** A primary whose guest is at its prompt. */
  async booted(...words: string[]): Promise<FtvmProcess> {
    const primary = this.primary(...words);
    await primary.stdout.until(prompt);
    return primary;
  }
  /** A backup in sync. */
  async protect(...words: string[]): Promise<FtvmProcess> {
    const backup = this.backup(...words);
    await inSync(backup);
    return backup;
  }

  async status(): Promise<HypervisorStatus> {
    const { stdout } = await this.run('status', this.dir, '--json');
    return JSON.parse(stdout) as HypervisorStatus;
  }

  get generationsDir(): string {
    return join(this.dir, 'generations');
  }
  /** Oldest first. */
  generations(): GenerationRecord[] {
    const records = readdirSync(this.generationsDir)
      .filter((name) => /^generation-\d+\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(this.generationsDir, name), 'utf8')));
    return (records as GenerationRecord[]).sort((a, b) => a.generation - b.generation);
  }

  #started(started: FtvmProcess): FtvmProcess {
    this.#processes.push(started);
    return started;
  }

  async #end(): Promise<void> {
    for (const started of this.#processes) {
      // Whoever was stopped dies all the same.
      started.signal('SIGKILL');
    }
    await Promise.all(this.#processes.map(({ ended }) => ended));
    rmSync(this.place, { recursive: true, force: true });
  }
}

/** The replica says that it goes live if its primary dies. */
export async function inSync(backup: FtvmProcess, from = 0): Promise<void> {
  await backup.stderr.until(/in sync with the primary/, from);
}
/** The replica says that it is live, and the console shows it from then on. */
export async function live(backup: FtvmProcess, from = 0): Promise<void> {
  await backup.stderr.until(/LIVE at epoch/, from);
}
