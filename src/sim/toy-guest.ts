import type { DiskRequest } from '../guest/disk-request.js';
import { pausedAfter, type GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { StateDigest } from '../guest/state-digest.js';
import type { LogRecord } from '../log/log-record.js';
import { readSuperblock, writeSuperblock, type ClientRow } from './superblock.js';
import {
  freshMemory,
  inPages,
  noOp,
  recall,
  type Ack,
  type GuestMood,
  type InFlight,
  type ToyMemory,
} from './toy-memory.js';

/** The guest brought its machine down; every replica will, at the same epoch. */
export class ToyCrash extends Error {}

/**
 * A guest small enough to run a thousand lives a minute, and nasty enough to matter: it counts for
 * its clients, keeps the count on its disk, talks on its console and its NIC, and has reads and writes
 * in flight that overlap.
 *
 * Shape:  its state is a function of its mood and the records it was given. `inc CLIENT OP` on its
 *         console counts once per OP and, once the count is on the disk, answers `ok CLIENT OP COUNT`.
 */
export class ToyGuest {
  readonly #mood: GuestMood;
  #memory: ToyMemory;
  #outputs: GuestOutput[] = [];

  constructor(mood: GuestMood, snapshot: Snapshot | null) {
    this.#mood = mood;
    this.#memory = snapshot ? recall(snapshot, mood.ballastPages) : freshMemory(mood);
  }

  get lastEpoch(): number {
    return this.#memory.epoch;
  }
  /** Guest time at the end of the last epoch. */
  get endMs(): number {
    return this.#memory.endMs;
  }

  get isPaused(): boolean {
    return this.#memory.isPaused;
  }

  isQuietAfter(completed: ReadonlySet<number>): boolean {
    const { inFlight, orphans } = this.#memory;
    return [...inFlight.map(({ id }) => id), ...orphans].every((id) => completed.has(id));
  }

  run(record: LogRecord): { outputs: readonly GuestOutput[]; next: 'run' | 'reboot' | 'off' } {
    const memory = this.#memory;
    memory.epoch = record.epoch;
    memory.endMs = record.clockMs + (record.cut || record.rounds === 0 ? 0 : epochMs);
    this.#mix(record.clockMs * 1024);
    for (const event of record.events) this.#enter(event);
    memory.isPaused = pausedAfter(record.events, memory.isPaused);
    let next: 'run' | 'reboot' | 'off' = 'run';
    if (!record.cut) next = record.rounds > 0 ? this.#live() : this.#pressed();
    const outputs = this.#outputs;
    this.#outputs = [];
    return { outputs, next };
  }

  digest(): StateDigest {
    const memory = this.#memory;
    const { counter, hash, chance, consoleOffset, frames, lastRequestId, inFlight, arrived } =
      memory;
    const registers = [counter, hash, chance, consoleOffset, frames, lastRequestId].concat(
      inFlight.length,
      arrived.length,
    );
    return {
      epoch: memory.epoch,
      instructions: memory.epoch * 100_003,
      registers: registers.map((value) => value >>> 0),
      instructionPointer: memory.boots,
      flags: memory.isUp ? 1 : 0,
      processorHash: 0,
      memoryHash: hash,
    };
  }

  snapshot(): Snapshot {
    const { epoch, endMs, consoleOffset, lastRequestId, chance, isPaused } = this.#memory;
    return {
      epoch,
      clockMs: endMs,
      instructions: epoch * 100_003,
      consoleOffset,
      lastRequestId,
      wallClockAtStartMs: 0,
      chanceState: chance,
      uartInput: new Uint8Array(0),
      isPaused,
      state: inPages(JSON.stringify(this.#memory), this.#mood.ballastPages),
    };
  }

  /** Changes one bit behind the guest's back: how a divergence is made. */
  flipBit(): void {
    this.#memory.counter ^= 1 << 20;
  }

  // --- what reaches it -----------------------------------------------------------------------

  /** An event enters now and is dealt with when instructions run. */
  #enter(event: GuestEvent): void {
    const memory = this.#memory;
    switch (event.kind) {
      case 'consoleInput':
        memory.arrived.push({ kind: 'typed', text: String.fromCharCode(...event.bytes) });
        return;
      case 'diskCompleted': {
        const at = memory.inFlight.findIndex(({ id }) => id === event.requestId);
        const [request] = at < 0 ? [] : memory.inFlight.splice(at, 1);
        // Asked for before a reboot, perhaps: nobody waits for it.
        memory.orphans = memory.orphans.filter((id) => id !== event.requestId);
        if (!request) return;
        const { result } = event;
        const isRead = result.kind === 'read';
        if (isRead) for (const word of wordsOf(result.data)) if (word !== 0) this.#mix(word);
        const clients = isRead && request.use === 'boot' ? readSuperblock(result.data) : null;
        memory.arrived.push({ kind: 'disk', request, ok: result.kind !== 'failed', clients });
        return;
      }
      case 'frameReceived':
      case 'keysPressed':
        this.#mix(1);
        return;
      case 'clockSet':
      case 'pausePressed':
      case 'resumePressed':
        return;
      // A toy has no use for a button.
      case 'powerButtonPressed':
      case 'powerPressed':
        memory.arrived.push({ kind: 'power' });
        return;
      case 'resetPressed':
        memory.arrived.push({ kind: 'reset' });
        return;
    }
  }

  /** What works without an instruction: the switches of the machine. */
  #pressed(): 'run' | 'reboot' | 'off' {
    const { arrived } = this.#memory;
    if (arrived.some(({ kind }) => kind === 'power')) return this.#powerOff();
    return arrived.some(({ kind }) => kind === 'reset') ? this.#reboot() : 'run';
  }

  #live(): 'run' | 'reboot' | 'off' {
    const memory = this.#memory;
    const mood = this.#mood;
    if (memory.boots === 0) this.#boot();
    const arrived = memory.arrived.splice(0);
    for (const each of arrived) {
      if (each.kind === 'power') return this.#powerOff();
      if (each.kind === 'reset') return this.#reboot();
      if (each.kind === 'typed') this.#typed(each.text);
      else this.#diskEnded(each.request, each.ok, each.clients);
    }
    // A guest that could end before it is up would end like that at every start.
    if (!memory.isUp) return 'run';
    this.#work();
    if (this.#chance(mood.crashRate)) throw new ToyCrash(`toy fault at epoch ${memory.epoch}`);
    if (this.#chance(mood.powerOffRate)) return this.#powerOff();
    if (this.#chance(mood.rebootRate)) return this.#reboot();
    return 'run';
  }

  // --- what it does --------------------------------------------------------------------------

  #boot(): void {
    const memory = this.#memory;
    memory.boots += 1;
    this.#print(`boot ${memory.boots}\n`);
    this.#read('boot', 0, 1);
  }

  #powerOff(): 'off' {
    this.#print('bye\n');
    this.#outputs.push({ kind: 'powerOff' });
    return 'off';
  }

  /** RAM is lost; disk requests, console and time go on. */
  #reboot(): 'reboot' {
    this.#outputs.push({ kind: 'reboot' });
    const { boots, epoch, endMs, isPaused, consoleOffset } = this.#memory;
    const { lastRequestId, frames, chance, hash } = this.#memory;
    const orphans = [...this.#memory.orphans, ...this.#memory.inFlight.map(({ id }) => id)];
    this.#memory = { ...freshMemory(this.#mood), boots, epoch, endMs, isPaused, consoleOffset };
    Object.assign(this.#memory, { lastRequestId, frames, chance, hash, orphans });
    this.#boot();
    return 'reboot';
  }

  #work(): void {
    const mood = this.#mood;
    const memory = this.#memory;
    if (this.#chance(mood.talkRate)) this.#print(`at ${memory.epoch} ${memory.hash}\n`);
    if (this.#chance(mood.frameRate)) {
      memory.frames += 1;
      const frame = new Uint8Array(Uint32Array.of(memory.frames, memory.epoch, memory.hash).buffer);
      this.#outputs.push({ kind: 'frameSent', frame });
    }
    if (memory.inFlight.length >= inFlightMax) return;
    if (this.#chance(mood.writeRate)) {
      const { sector, count } = this.#place();
      const data = new Uint8Array(count * sectorBytes);
      const words = new Uint32Array(data.buffer);
      for (let i = 0; i < count; i += 1) {
        words.set([memory.lastRequestId + 1, i, memory.hash, memory.boots], (i * sectorBytes) / 4);
      }
      this.#write('data', sector, data, []);
    }
    if (this.#chance(mood.readRate)) {
      const { sector, count } = this.#place();
      this.#read('data', sector, count);
    }
  }

  #typed(text: string): void {
    const memory = this.#memory;
    const lines = (memory.line + text).split('\n');
    memory.line = lines.pop() ?? '';
    for (const line of lines) {
      const [verb, client, op] = line.split(' ');
      if (verb === 'inc' && memory.isUp) this.#increment(Number(client), Number(op));
    }
  }

  /** Once per op, however often it is typed. */
  #increment(client: number, op: number): void {
    const memory = this.#memory;
    const row = memory.clients[client];
    if (!row || !Number.isSafeInteger(op)) return;
    if (op <= row.op) {
      if (op === row.op && row.isDurable) this.#print(`ok ${client} ${op} ${row.count}\n`);
      return;
    }
    memory.counter += 1;
    this.#mix(memory.counter);
    memory.clients[client] = { op, count: memory.counter, isDurable: false };
    this.#save([client]);
  }

  #save(clients: readonly number[]): void {
    const memory = this.#memory;
    this.#write('counter', 0, writeSuperblock(memory.clients), clients);
  }

  #diskEnded(request: InFlight, ok: boolean, clients: readonly ClientRow[] | null): void {
    const memory = this.#memory;
    switch (request.use) {
      case 'boot':
        if (!ok) return this.#read('boot', 0, 1);
        (clients ?? []).forEach((row, i) => {
          if (i < memory.clients.length) memory.clients[i] = row;
        });
        memory.counter = Math.max(0, ...memory.clients.map(({ count }) => count));
        memory.isUp = true;
        return this.#print(`up ${memory.counter}\n`);
      case 'counter':
        if (!ok) return this.#save(request.acks.map(([client]) => client));
        for (const [client, op, count] of request.acks) {
          const row = memory.clients[client];
          if (row?.op === op) memory.clients[client] = { ...row, isDurable: true };
          this.#print(`ok ${client} ${op} ${count}\n`);
        }
        return;
      case 'data':
        if (!ok) this.#print('disk error\n');
    }
  }

  #print(text: string): void {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const offset = this.#memory.consoleOffset;
    this.#memory.consoleOffset += bytes.byteLength;
    this.#outputs.push({ kind: 'consoleBytes', bytes, offset });
  }

  #read(use: InFlight['use'], sector: number, count: number): void {
    const id = this.#nextRequest(use, []);
    const lengthBytes = count * sectorBytes;
    const offsetBytes = sector * sectorBytes;
    this.#outputs.push({ kind: 'diskRead', id, drive: 'hda', offsetBytes, lengthBytes });
  }

  #write(use: InFlight['use'], sector: number, data: Uint8Array, clients: readonly number[]): void {
    const acks = clients.map((client): Ack => {
      const { op, count } = this.#memory.clients[client] ?? noOp;
      return [client, op, count];
    });
    const id = this.#nextRequest(use, acks);
    const write: DiskRequest = {
      kind: 'diskWrite',
      id,
      drive: 'hda',
      offsetBytes: sector * sectorBytes,
      data,
    };
    this.#outputs.push(write);
  }

  #nextRequest(use: InFlight['use'], acks: readonly Ack[]): number {
    this.#memory.lastRequestId += 1;
    const id = this.#memory.lastRequestId;
    this.#memory.inFlight.push({ id, use, acks });
    return id;
  }

  /** A stretch of the disk outside sector 0, which holds the count; few sectors, so they overlap. */
  #place(): { sector: number; count: number } {
    const last = this.#mood.diskSectors - 1;
    const sector = 1 + (this.#draw() % last);
    return { sector, count: Math.min(1 + (this.#draw() % 3), last - sector + 1) };
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.#draw() < probability * 2 ** 32;
  }
  #draw(): number {
    const memory = this.#memory;
    memory.chance = scramble(memory.chance + 0x9e3779b9);
    return memory.chance;
  }
  #mix(value: number): void {
    const memory = this.#memory;
    memory.hash = scramble(memory.hash ^ (value | 0));
    memory.chance = (memory.chance ^ memory.hash) >>> 0;
  }
}

const sectorBytes = 512;
const epochMs = 0.1;
const inFlightMax = 6;

function wordsOf(data: Uint8Array): Uint32Array {
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
function scramble(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
