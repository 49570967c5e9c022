import type { DiskRequest } from '../../src/guest/disk-request.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import type { StateDigest } from '../../src/guest/state-digest.js';
import type { LogRecord } from '../../src/log/log-record.js';
import type { Vcpu, VcpuEvent } from '../../src/vcpu/vcpu.js';

/**
 * A guest of a few words, typed at its console: `write 3 x` and `read 3` (sectors), `frame x`,
 * `off`, `crash`, `reboot`. Anything else it writes back; what it reads from its disk it writes too.
 */
export class ToyVcpu implements Vcpu {
  /** What the primary ran, for a test to compare with what a backup ran. */
  readonly ran: LogRecord[] = [];
  readonly shares: number[] = [];
  isPaused = false;
  isClosed = false;
  /** Replays nothing while true: a backup whose host is busy. */
  isSlow = false;
  #state: 'replaying' | 'live' | 'over' = 'replaying';
  #isGoingLive = false;
  #isCutWanted = false;
  #epoch: number;
  #consoleOffset: number;
  #lastRequestId: number;
  #records: LogRecord[] = [];
  #events: GuestEvent[] = [];
  #inFlight = new Set<number>();
  readonly #tell: (event: VcpuEvent) => void;

  constructor(snapshot: Snapshot | null, tell: (event: VcpuEvent) => void) {
    this.#epoch = snapshot?.epoch ?? 0;
    this.#consoleOffset = snapshot?.consoleOffset ?? 0;
    this.#lastRequestId = snapshot?.lastRequestId ?? 0;
    this.#tell = tell;
  }

  replay(records: readonly LogRecord[]): void {
    this.#records.push(...records);
  }
  goLive(): void {
    this.#isGoingLive = true;
  }
  inject(event: GuestEvent): void {
    this.#events.push(event);
  }
  cut(): void {
    this.#isCutWanted = true;
  }
  setSharePercent(percent: number): void {
    this.shares.push(percent);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  /** One epoch if it is live, everything there is if it replays. */
  step(): void {
    if (this.isClosed) return;
    if (this.#state === 'live' && !this.isPaused) this.#liveEpoch();
    if (this.#state !== 'replaying' || this.isSlow) return;
    for (let next = this.#records.shift(); next; next = this.#records.shift()) {
      this.#run(next);
      if (this.isClosed || this.isSlow) return;
    }
    if (this.#isGoingLive && !this.isOver) {
      this.#state = 'live';
      this.#tell({ kind: 'wentLive', lastEpoch: this.#epoch });
    }
  }
  get isOver(): boolean {
    return this.#state === 'over';
  }

  #liveEpoch(): void {
    const events = this.#events.splice(0);
    const ended = new Set(
      events.flatMap((event) => (event.kind === 'diskCompleted' ? [event.requestId] : [])),
    );
    const cut = this.#isCutWanted && [...this.#inFlight].every((id) => ended.has(id));
    if (cut) this.#isCutWanted = false;
    const epoch = this.#epoch + 1;
    const record: LogRecord = { epoch, clockMs: epoch, events, rounds: 1, cut, before: null };
    this.#tell({ kind: 'recorded', record });
    this.#run(record);
  }

  #run(record: LogRecord): void {
    this.#epoch = record.epoch;
    this.ran.push(record);
    const outputs: GuestOutput[] = [];
    for (const event of record.events) {
      if (isTyped(event, 'crash')) {
        this.#state = 'over';
        this.#tell({ kind: 'crashed', epoch: record.epoch, reason: 'triple fault' });
        return;
      }
      outputs.push(...this.#react(event));
    }
    if (record.cut && this.#state === 'live') {
      const [epoch, snapshot] = [record.epoch, this.#snapshot()];
      this.#tell({ kind: 'cutTaken', epoch, snapshot, pauseMs: 0 });
    }
    if (outputs.some(({ kind }) => kind === 'powerOff')) this.#state = 'over';
    this.#tell({ kind: 'ran', epoch: record.epoch, outputs, after: digestOf(record.epoch) });
  }

  #react(event: GuestEvent): GuestOutput[] {
    switch (event.kind) {
      case 'consoleInput':
        return this.#typed(new TextDecoder().decode(event.bytes));
      case 'diskCompleted': {
        const wasWaiting = this.#inFlight.delete(event.requestId);
        const { result } = event;
        if (!wasWaiting || result.kind !== 'read') return [];
        return [this.#print(new TextDecoder().decode(result.data).replaceAll('\0', ''))];
      }
      case 'powerPressed':
        return [{ kind: 'powerOff' }];
      case 'clockSet':
      case 'frameReceived':
      case 'keysPressed':
      case 'resetPressed':
      case 'powerButtonPressed':
      case 'pausePressed':
      case 'resumePressed':
        return [];
    }
  }

  #typed(line: string): GuestOutput[] {
    const [word = '', argument = '', text = ''] = line.split(' ');
    switch (word) {
      case 'off':
        return [{ kind: 'powerOff' }];
      case 'reboot':
        this.#inFlight.clear();
        return [{ kind: 'reboot' }];
      case 'frame':
        return [{ kind: 'frameSent', frame: new TextEncoder().encode(argument) }];
      case 'write':
        return [this.#disk({ kind: 'diskWrite', data: new TextEncoder().encode(text) }, argument)];
      case 'read':
        return [this.#disk({ kind: 'diskRead', lengthBytes: 8 }, argument)];
      default:
        return [this.#print(line)];
    }
  }

  #disk(
    what: { kind: 'diskWrite'; data: Uint8Array } | { kind: 'diskRead'; lengthBytes: number },
    sector: string,
  ): DiskRequest {
    this.#lastRequestId += 1;
    this.#inFlight.add(this.#lastRequestId);
    return { ...what, id: this.#lastRequestId, drive: 'hda', offsetBytes: Number(sector) * 512 };
  }

  #print(text: string): GuestOutput {
    const offset = this.#consoleOffset;
    const bytes = new TextEncoder().encode(text);
    this.#consoleOffset += bytes.byteLength;
    return { kind: 'consoleBytes', bytes, offset };
  }

  #snapshot(): Snapshot {
    return {
      epoch: this.#epoch,
      clockMs: this.#epoch,
      instructions: 0,
      consoleOffset: this.#consoleOffset,
      lastRequestId: this.#lastRequestId,
      wallClockAtStartMs: 0,
      chanceState: 0,
      uartInput: new Uint8Array(0),
      isPaused: false,
      state: new Uint8Array(8192).fill(1),
    };
  }
}

function isTyped(event: GuestEvent, word: string): boolean {
  return event.kind === 'consoleInput' && new TextDecoder().decode(event.bytes) === word;
}

function digestOf(epoch: number): StateDigest {
  const [instructionPointer, flags, processorHash, memoryHash] = [0, 0, 0, 0];
  return {
    epoch,
    instructions: 0,
    registers: [],
    instructionPointer,
    flags,
    processorHash,
    memoryHash,
  };
}
