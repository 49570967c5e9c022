import type { BenchPart } from './bench-part.js';
import { BenchSamples, type BenchReport } from './bench-report.js';
import { measureFailover } from './failover-bench.js';
import { measureGuest } from './guest-bench.js';
import { BenchError, GuestProcess } from './guest-process.js';
import { ways } from './guest-trio.js';
import { measureNetwork } from './network-bench.js';
import { findQemu, measureYardstick } from './yardstick.js';

export interface BenchOptions {
  readonly repetitions: number;
  readonly idleSeconds: number;
  readonly parts: readonly BenchPart[];
  /** For the VMs, which are the caller's to remove, with it. */
  readonly root: string;
}

/** Kills, and as many planned switch-overs, for each repetition. */
const failoverRounds = 5;

/**
 * Runs everything, the three ways in turn within each repetition, so that a machine whose speed
 * drifts treats them alike; medians are reported. A repetition that fails ends the run: what was
 * measured until then is reported, unless it was the first, which throws.
 */
export async function bench(
  { repetitions, idleSeconds, parts, root }: BenchOptions,
  say: (line: string) => void,
): Promise<BenchReport> {
  // Whoever lacks it is told before the first minute of measuring, not after the last.
  const qemuVersion = parts.includes('qemu') ? await findQemu() : null;
  const samples = new BenchSamples();
  for (let turn = 1; turn <= repetitions; turn += 1) {
    const begin = (what: string): void => say(`repetition ${turn} of ${repetitions}: ${what}`);
    try {
      await repeat({ idleSeconds, parts, root }, samples, begin);
    } catch (error) {
      if (turn === 1 || !(error instanceof BenchError)) throw error;
      say(`repetition ${turn} of ${repetitions} FAILED, this is what there is: ${error.message}`);
      GuestProcess.killAll();
      return samples.report(turn - 1);
    }
  }
  if (qemuVersion !== null) {
    samples.yardstick = await measureYardstick(qemuVersion, repetitions, root, say);
  }
  return samples.report(repetitions);
}

async function repeat(
  { parts, idleSeconds, root }: Omit<BenchOptions, 'repetitions'>,
  samples: BenchSamples,
  begin: (what: string) => void,
): Promise<void> {
  const ownParts = parts.filter((part) => part === 'cpu' || part === 'disk');
  for (const way of ways) {
    if (ownParts.length > 0) {
      begin(`${way}, ${ownParts.join(' and ')}`);
      await measureGuest(way, { parts: ownParts, idleSeconds, root }, samples);
    }
    if (parts.includes('network')) {
      begin(`${way}, network`);
      await measureNetwork(way, root, samples);
    }
  }
  if (parts.includes('failover')) {
    begin(`${failoverRounds} kills and as many planned switch-overs`);
    await measureFailover(failoverRounds, root, samples);
  }
}
