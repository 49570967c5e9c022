import { describe, expect, it } from 'vitest';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import { firstDifference, type StateDigest } from '../../src/guest/state-digest.js';
import { LogFileWriter } from '../../src/log/log-file-writer.js';
import { readLogFile } from '../../src/log/log-file-reader.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { replayLog, type ReplayReport } from '../../src/replay/replay-log.js';
import type { Vcpu, VcpuFactory } from '../../src/vcpu/vcpu.js';
import { tinySpec } from '../vcpu/tiny-kernel.js';

/** How a vCPU that only counts differs from the one that was recorded. */
interface Fault {
  readonly digestFrom?: number;
  readonly outputAt?: number;
  readonly crashAt?: number;
  readonly fails?: boolean;
}

const digestAt = (epoch: number, shift = 0): StateDigest => ({
  epoch,
  instructions: epoch * 10 + shift,
  registers: [0, 0, 0, 0, 0, 0, 0, 0],
  instructionPointer: 0,
  flags: 0,
  processorHash: 0,
  memoryHash: 0,
});
const outputsAt = (epoch: number, text = 'x'): GuestOutput[] => [
  { kind: 'consoleBytes', bytes: new TextEncoder().encode(text), offset: epoch - 1 },
];
const records: LogRecord[] = Array.from({ length: 2000 }, (_, i) => ({
  epoch: i + 1,
  clockMs: i,
  events: [],
  rounds: 1,
  cut: false,
  before: digestAt(i),
}));

function countingVcpu(fault: Fault = {}): VcpuFactory {
  return (_snapshot, { event, failed }) => {
    let after = digestAt(0);
    let isOver = false;
    const run = (record: LogRecord): void => {
      if (isOver) return;
      const { epoch, before } = record;
      const difference = before && firstDifference(after, before);
      isOver = difference !== null || epoch === fault.crashAt;
      if (difference) {
        const digests = { ours: after, theirs: before };
        return event({ kind: 'diverged', epoch: epoch - 1, difference, digests });
      }
      if (isOver) return event({ kind: 'crashed', epoch, reason: 'a fault' });
      after = digestAt(epoch, epoch >= (fault.digestFrom ?? Infinity) ? 1 : 0);
      const outputs = outputsAt(epoch, epoch === fault.outputAt ? 'y' : 'x');
      event({ kind: 'ran', epoch, outputs, after });
    };
    const vcpu: Pick<Vcpu, 'replay' | 'close'> = {
      replay: (batch) =>
        void Promise.resolve().then(() =>
          fault.fails ? failed(new Error('a bug')) : batch.forEach(run),
        ),
      close: () => Promise.resolve(),
    };
    return Promise.resolve(vcpu as Vcpu);
  };
}

function recordedFile(): Uint8Array {
  const writer = new LogFileWriter();
  const spec = tinySpec(new Uint8Array(0));
  const parts = [writer.head({ spec, build: {}, createdAtMs: 0 })];
  for (const record of records) {
    parts.push(writer.record(record));
    writer.ran(outputsAt(record.epoch), digestAt(record.epoch));
  }
  return Buffer.concat([...parts, writer.end()]);
}

function replay(fault: Fault = {}, file = recordedFile()): Promise<ReplayReport> {
  const { records, end } = readLogFile(file);
  return replayLog({ records, end: () => end, createVcpu: countingVcpu(fault) });
}

describe('the replay of a log', () => {
  it('finds nothing where nothing differs', async () => {
    expect(await replay()).toEqual({
      epochs: 2000,
      lastEpoch: 2000,
      digestsCompared: 2001,
      outputBytes: 2000,
      firstDivergence: null,
      crashed: null,
      truncated: false,
    });
  });

  it('names the first epoch whose state differs', async () => {
    const report = await replay({ digestFrom: 1234 });
    expect(report.firstDivergence).toMatchObject({ epoch: 1234 });
    expect(report.firstDivergence?.difference).toContain('instructions');
  });

  it('sees a difference in the very last state, which no record carries', async () => {
    expect((await replay({ digestFrom: 2000 })).firstDivergence).toMatchObject({ epoch: 2000 });
  });

  it('sees output that differs while all states agree', async () => {
    const { firstDivergence } = await replay({ outputAt: 77 });
    expect(firstDivergence?.difference).toMatch(/consoleHash|outputHash/);
  });

  it('sees a crash that was not recorded', async () => {
    const report = await replay({ crashAt: 900 });
    expect(report.crashed).toEqual({ epoch: 900, reason: 'a fault' });
    expect(report.firstDivergence?.difference).toContain('crash');
  });

  it('replays the whole records of a log that was cut short, and says that it was', async () => {
    const file = recordedFile();
    const report = await replay({}, file.subarray(0, file.byteLength - 60));
    expect(report).toMatchObject({ epochs: 1999, truncated: true, firstDivergence: null });
  });

  it('rejects on a bug in the vCPU', async () => {
    await expect(replay({ fails: true })).rejects.toThrow('a bug');
  });
});
