import type { LogFileEnd } from '../log/log-file.js';
import type { LogRecord } from '../log/log-record.js';
import { OutputHash, type OutputSums } from '../log/output-hash.js';
import type { Snapshot } from '../guest/snapshot.js';
import { firstDifference, type StateDigest } from '../guest/state-digest.js';
import type { Epoch } from '../units.js';
import type { Vcpu, VcpuEvent, VcpuFactory } from '../vcpu/vcpu.js';

/** What a replay found. */
export interface ReplayReport {
  /** Epochs that ran to their end, and the last of them. */
  readonly epochs: number;
  readonly lastEpoch: Epoch;
  readonly digestsCompared: number;
  /** Bytes the guest wrote to its console. */
  readonly outputBytes: number;
  readonly firstDivergence: { readonly epoch: Epoch; readonly difference: string } | null;
  /** The guest brought the emulator down, as it may have done when it was recorded. */
  readonly crashed: { readonly epoch: Epoch; readonly reason: string } | null;
  /** The log had no end mark: its whole records were replayed, nothing says how the run ended. */
  readonly truncated: boolean;
}

export interface ReplayOptions {
  /** Where the log begins; null for the machine's power-on. */
  readonly snapshot?: Snapshot | null;
  /** In order, from there on. */
  readonly records: Iterable<LogRecord> | AsyncIterable<LogRecord>;
  /** Asked for when the records are through; null for a log that was cut short. */
  readonly end: () => LogFileEnd | null;
  /** Somebody wants no more of it: that there is no end mark means nothing. */
  readonly isPart?: boolean;
  readonly createVcpu: VcpuFactory;
  /** Called for every epoch, for a progress line or to watch the guest's console. */
  readonly onRan?: (event: Extract<VcpuEvent, { kind: 'ran' }>) => void;
}

// Enough to keep the vCPU busy, and a bound on the memory of a long log.
const recordsInFlightMax = 512;

/**
 * Runs a log again and compares: the digest that each record carries with the state before it (the
 * vCPU does that), and the end mark with what the last epoch came to and with all output.
 *
 * Errors: rejects with what the source of records throws, or a bug in the vCPU.
 * Source: FT paper §2.1; rr calls a difference a divergence, and so do we.
 */
export async function replayLog(options: ReplayOptions): Promise<ReplayReport> {
  const snapshot = options.snapshot ?? null;
  const progress = new ReplayProgress(options.onRan, snapshot?.epoch ?? 0);
  const vcpu = await options.createVcpu(snapshot, {
    event: (event) => progress.note(event),
    failed: (error) => progress.fail(error),
  });
  try {
    await feed(vcpu, options.records, progress);
    const report = progress.report(options.end());
    return options.isPart ? { ...report, truncated: false } : report;
  } finally {
    await vcpu.close();
  }
}

async function feed(
  vcpu: Vcpu,
  records: ReplayOptions['records'],
  progress: ReplayProgress,
): Promise<void> {
  let batch: LogRecord[] = [];
  for await (const record of records) {
    batch.push(record);
    if (batch.length < recordsInFlightMax / 2) continue;
    progress.given(batch);
    vcpu.replay(batch);
    batch = [];
    await progress.until((inFlight) => inFlight < recordsInFlightMax / 2);
    if (progress.isOver) return;
  }
  progress.given(batch);
  vcpu.replay(batch);
  await progress.until((inFlight) => inFlight === 0);
}

/** What the vCPU has told so far, and who waits for it to get further. */
class ReplayProgress {
  readonly #onRan: ReplayOptions['onRan'];
  readonly #sums = new OutputHash();
  #given = 0;
  #digestsGiven = 0;
  #epochs = 0;
  readonly #from: Epoch;
  /** The last two epochs: a recorder that is stopped may have logged a record and not seen its end. */
  #ends: { readonly after: StateDigest; readonly sums: OutputSums }[] = [];
  #divergence: ReplayReport['firstDivergence'] = null;
  #crash: ReplayReport['crashed'] = null;
  #isOff = false;
  #failure: Error | null = null;
  #wake: () => void = () => undefined;

  constructor(onRan: ReplayOptions['onRan'], from: Epoch) {
    this.#onRan = onRan;
    this.#from = from;
  }

  /** No further record will run. */
  get isOver(): boolean {
    return this.#divergence !== null || this.#crash !== null || this.#isOff;
  }

  given(records: readonly LogRecord[]): void {
    this.#given += records.length;
    this.#digestsGiven += records.filter(({ before }) => before !== null).length;
  }

  note(event: VcpuEvent): void {
    if (event.kind === 'ran') {
      this.#epochs += 1;
      for (const output of event.outputs) {
        this.#sums.add(output);
        if (output.kind === 'powerOff') this.#isOff = true;
      }
      this.#ends = [...this.#ends.slice(-1), { after: event.after, sums: this.#sums.sums }];
      this.#onRan?.(event);
    } else if (event.kind === 'diverged') {
      this.#divergence = { epoch: event.epoch, difference: event.difference };
    } else if (event.kind === 'crashed') {
      this.#crash = { epoch: event.epoch, reason: event.reason };
    }
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  /** Waits until the records in flight are few enough, or none will run any more. */
  async until(isFewEnough: (inFlight: number) => boolean): Promise<void> {
    while (!this.#failure && !this.isOver && !isFewEnough(this.#given - this.#epochs)) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure) throw this.#failure;
  }

  report(end: LogFileEnd | null): ReplayReport {
    return {
      epochs: this.#epochs,
      lastEpoch: this.#from + this.#epochs,
      // One digest per record was compared as it came, unless the run stopped short of it.
      digestsCompared: Math.min(this.#digestsGiven, this.#epochs) + (end?.finalDigest ? 1 : 0),
      outputBytes: this.#sums.sums.consoleBytes,
      firstDivergence: this.#divergence ?? (end && this.#differenceFrom(end)),
      crashed: this.#crash,
      truncated: end === null,
    };
  }

  #differenceFrom(end: LogFileEnd): ReplayReport['firstDivergence'] {
    const epoch = end.finalDigest?.epoch ?? 0;
    const crashedAt = this.#crash?.epoch ?? null;
    if (crashedAt !== end.crashedAt) {
      const difference = `crash: epoch ${String(crashedAt)} here, ${String(end.crashedAt)} there`;
      return { epoch, difference };
    }
    if (!end.finalDigest) return null;
    const ours = this.#ends.find(({ after }) => after.epoch === epoch);
    if (!ours) return { epoch, difference: `the run ended at epoch ${this.#epochs} here` };
    const difference = firstDifference(ours.after, end.finalDigest);
    if (difference) return { epoch, difference };
    for (const [sum, value] of Object.entries(ours.sums) as [keyof OutputSums, number][]) {
      if (value !== end.sums[sum]) {
        return { epoch, difference: `${sum}: ${value} here, ${end.sums[sum]} there` };
      }
    }
    return null;
  }
}
