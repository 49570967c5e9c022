import { readFileSync } from 'node:fs';

/**
 * How much of its processors a virtual machine was denied by its own host: times measured meanwhile are
 * too long, and nothing else on this machine shows why.
 *
 * Shape:  counts from its construction on.
 * Source: proc_stat(5), `steal`; Linux counts what its hypervisor reports.
 */
export class StolenTime {
  readonly #read: () => string | null;
  readonly #begin: Processors | null;

  constructor(read = procStat) {
    this.#read = read;
    this.#begin = processorsOf(read());
  }

  /** Of the time that processors had work, in percent; null where nobody counts it. */
  get percent(): number | null {
    const now = processorsOf(this.#read());
    if (!now || !this.#begin) return null;
    const stolen = now.stolen - this.#begin.stolen;
    const wanted = now.wanted - this.#begin.wanted;
    return wanted === 0 ? 0 : Math.round((stolen * 1000) / wanted) / 10;
  }
}

interface Processors {
  readonly stolen: number;
  /** Stolen or used. */
  readonly wanted: number;
}

/** cpu user nice system idle iowait irq softirq steal … */
function processorsOf(stat: string | null): Processors | null {
  const ticks = /^cpu +(\d.*)$/m
    .exec(stat ?? '')?.[1]
    ?.split(' ')
    .map(Number);
  const [user, nice, system, , , irq, softirq, stolen] = ticks ?? [];
  if (user === undefined || nice === undefined || system === undefined) return null;
  if (irq === undefined || softirq === undefined || stolen === undefined) return null;
  return { stolen, wanted: user + nice + system + irq + softirq + stolen };
}

function procStat(): string | null {
  try {
    return readFileSync('/proc/stat', 'utf8');
  } catch {
    // Not Linux.
    return null;
  }
}
