import type { SectorStore } from '../host/sector-store.js';
import type { Prng } from './prng.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** How a host gets at the shared disk; what is not 0 hurts. */
export interface DiskWeather {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly readFailureRate: number;
  readonly writeFailureRate: number;
}

export const sectorBytes = 512;

/**
 * The disk that all hosts share, sector by sector, and what may go wrong on the way to it.
 *
 * Shape:  a write lands at one instant between its call and its answer. One that fails, or whose host
 *         loses its process first, may have landed whole, in part (whole sectors from its start), or
 *         not at all; or it lands long after: the ghost of a process that is gone or not live any more.
 */
export class SimDisk {
  readonly byteLength: number;
  readonly content: Uint8Array;
  readonly #timeline: Timeline;
  readonly #prng: Prng;
  readonly #weather: DiskWeather;
  readonly #slowness = new Map<string, number>();
  readonly #failing = new Map<string, number>();
  /** May this process's write still change what the guest reads? See `SimDiskRules`. */
  readonly #rules: SimDiskRules;
  isCalm = false;
  /** Writes that came after their process's time: shadowed, or not. */
  ghostWrites = 0;

  constructor(
    timeline: Timeline,
    prng: Prng,
    options: {
      readonly sectors: number;
      readonly weather: DiskWeather;
      readonly rules: SimDiskRules;
    },
  ) {
    this.#timeline = timeline;
    this.#prng = prng;
    this.#weather = options.weather;
    this.#rules = options.rules;
    this.byteLength = options.sectors * sectorBytes;
    this.content = new Uint8Array(this.byteLength);
  }

  /** Multiplies delays for a host; 1 is as usual. */
  slow(host: string, factor: number): void {
    this.#slowness.set(host, factor);
  }
  /** Fails that part of a host's operations; 0 is as usual. */
  fail(host: string, rate: number): void {
    this.#failing.set(host, rate);
  }

  accessOf(process: SimProcess): SectorStore {
    const underWay = new Set<Write>();
    process.whenDead(() => {
      for (const write of underWay) this.#orphan(process, write);
    });
    return {
      byteLength: this.byteLength,
      read: (offsetBytes, lengthBytes) =>
        this.#answered(process, (answer) => {
          this.#timeline.after(this.#delayMs(process), () => {
            const fails = this.#fails(process, this.#weather.readFailureRate);
            const data = this.content.slice(offsetBytes, offsetBytes + lengthBytes);
            answer(fails ? null : data);
          });
        }),
      write: async (offsetBytes, data) => {
        await this.#answered(process, (answer) => {
          const write: Write = { offsetBytes, data };
          underWay.add(write);
          this.#timeline.after(this.#delayMs(process), () => {
            // A dead process's writes have got their fate already.
            if (!underWay.delete(write) || process.isDead) return;
            if (this.#fails(process, this.#weather.writeFailureRate)) {
              this.#landInPart(process, write);
              answer(null);
            } else {
              this.#land(process, write);
              answer(data);
            }
          });
        });
      },
      close: () => Promise.resolve(),
    };
  }

  #answered(
    process: SimProcess,
    begin: (answer: (data: Uint8Array | null) => void) => void,
  ): Promise<Uint8Array> {
    return process
      .promise<Uint8Array | null>((answer) => process.act(() => begin(answer)))
      .then((data) => {
        if (data === null) throw new Error('the disk says it cannot');
        return data;
      });
  }

  /** Its process is dead; what its kernel had of the write may go on. */
  #orphan(process: SimProcess, write: Write): void {
    switch (this.#prng.pick(['whole', 'part', 'never', 'late'] as const)) {
      case 'whole':
        this.#land(process, write);
        return;
      case 'part':
        this.#landInPart(process, write);
        return;
      case 'late':
        this.#timeline.after(this.#prng.between(1, 1500), () => this.#land(process, write));
        return;
      case 'never':
        return;
    }
  }

  #landInPart(process: SimProcess, write: Write): void {
    const sectors = this.#prng.whole(0, write.data.byteLength / sectorBytes);
    this.#land(process, { ...write, data: write.data.subarray(0, sectors * sectorBytes) });
  }

  #land(process: SimProcess, { offsetBytes, data }: Write): void {
    if (!this.#rules.isHolder(process)) {
      this.ghostWrites += 1;
      if (this.#rules.areGhostsShadowed) return;
    }
    this.content.set(data, offsetBytes);
  }

  #delayMs(process: SimProcess): number {
    const { delayMsMin, delayMsMax } = this.#weather;
    const slowness = this.isCalm ? 1 : (this.#slowness.get(process.host) ?? 1);
    return this.#prng.between(delayMsMin, delayMsMax) * slowness;
  }

  #fails(process: SimProcess, rate: number): boolean {
    if (this.isCalm) return false;
    return this.#prng.chance(Math.max(rate, this.#failing.get(process.host) ?? 0));
  }
}

/**
 * Who may write.
 *
 * Today's disk layer leaves a hole, and the design fills it with an overlay per generation: a write by
 * the holder of an earlier generation goes where no later one reads. `areGhostsShadowed` stands for
 * those overlays. Without it a ghost lands on the one image, and the judges find what it did.
 */
export interface SimDiskRules {
  readonly isHolder: (process: SimProcess) => boolean;
  readonly areGhostsShadowed: boolean;
}

interface Write {
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}
