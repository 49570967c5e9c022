import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { createVm } from '../node/vm-directory.js';
import { askApi } from '../node/api-client.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { BenchError, GuestProcess } from './guest-process.js';

const plainGuest = fileURLToPath(new URL('./plain-guest.js', import.meta.url));

/** The three ways to run the guest that the bench compares. */
export const ways = ['plain', 'alone', 'protected'] as const;
export type Way = (typeof ways)[number];

const prompt = /guest:[^\n]*# $/;

/** A guest at its shell prompt, run in one of the three ways. */
export class BenchGuest {
  readonly way: Way;
  readonly guest: GuestProcess;
  readonly backup: GuestProcess | null;
  readonly bootMs: number;
  readonly #api: string | null;

  private constructor(
    way: Way,
    guest: GuestProcess,
    backup: GuestProcess | null,
    bootMs: number,
    api: string | null,
  ) {
    this.way = way;
    this.guest = guest;
    this.backup = backup;
    this.bootMs = bootMs;
    this.#api = api;
  }

  /** A new VM in `dir`, booted; boot is counted from the start of the process, VM creation not. */
  static async boot(
    way: Way,
    dir: string,
    network: { readonly switchUrl: string; readonly services: readonly string[] } | null = null,
  ): Promise<BenchGuest> {
    const vmDir = join(dir, 'vm');
    await createVm(vmDir, { services: network?.services ?? [] });
    const cable = network ? ['--switch', network.switchUrl] : [];
    const guest =
      way === 'plain'
        ? new GuestProcess(process.execPath, [plainGuest, vmDir, ...cable.slice(1)])
        : GuestProcess.ftvm('run', vmDir, '--primary', ...cable);
    await guest.expect(prompt);
    const bootMs = performance.now() - guest.startedAtMs;
    if (way === 'plain') return new BenchGuest(way, guest, null, bootMs, null);
    const [, api = ''] = await guest.expectDiagnostics(/(http:\/\/\S+)/);
    if (way === 'alone') return new BenchGuest(way, guest, null, bootMs, api);
    const backup = GuestProcess.ftvm('run', vmDir, '--backup', '--headless', ...cable);
    await guest.expectDiagnostics(/protected:/);
    return new BenchGuest(way, guest, backup, bootMs, api);
  }

  /** A first start from a boot snapshot, which another VM has made; counted as `bootMs` is. */
  static async warmBootMs(dir: string): Promise<number> {
    const cacheDir = join(dir, 'cache');
    const bootMs = async (name: string): Promise<number> => {
      const vmDir = join(dir, name);
      await createVm(vmDir, {});
      const words = ['run', vmDir, '--primary', '--boot-snapshot'];
      const guest = GuestProcess.ftvmCaching(cacheDir, ...words);
      await guest.expect(prompt);
      const tookMs = performance.now() - guest.startedAtMs;
      await guest.leave();
      return tookMs;
    };
    await bootMs('maker');
    return bootMs('user');
  }

  /** Null for plain v86. */
  async status(): Promise<HypervisorStatus | null> {
    if (this.#api === null) return null;
    const answer = await askApi('GET', `${this.#api}/status`);
    if (answer?.status !== 200) throw new BenchError('The primary does not tell its status');
    return JSON.parse(answer.body) as HypervisorStatus;
  }

  /** Log sent so far; 0 for plain v86. */
  async logBytes(): Promise<number> {
    return (await this.status())?.log.bytesTotal ?? 0;
  }

  /**
   * CPU of an idle guest as percent of one core, of the process with the guest and of the backup's, and
   * its log's bytes a second. What is compiled of the work before is waited for, for twice as long.
   */
  async idle(seconds: number): Promise<{ guest: number; backup: number; logRate: number }> {
    await sleep(2 * seconds * 1000);
    const cpuMs = (): [number, number] => [this.guest.cpuMs(), this.backup?.cpuMs() ?? 0];
    const logBefore = await this.logBytes();
    const before = cpuMs();
    const startedAtMs = performance.now();
    await sleep(seconds * 1000);
    const after = cpuMs();
    const tookMs = performance.now() - startedAtMs;
    return {
      guest: ((after[0] - before[0]) * 100) / tookMs,
      backup: ((after[1] - before[1]) * 100) / tookMs,
      logRate: (((await this.logBytes()) - logBefore) * 1000) / tookMs,
    };
  }

  async end(): Promise<void> {
    await this.backup?.kill();
    await this.guest.kill();
  }
}
