import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { LogRecord } from '../log/log-record.js';
import type { RoleReport } from '../role/role-effect.js';
import type { Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { BootJudge } from './boot-judge.js';
import type { ConsoleJudge } from './console-judge.js';
import { decodeLayerHead, layerNumberOf } from '../disk/layer-head.js';
import { DiskModel } from './disk-judge.js';
import { Electorate } from './electorate.js';
import type { FaultPlan } from './fault-plan.js';
import { leftThrough, whoRan, type GuestHistory, type Run } from './guest-history.js';
import { layeredContent } from './layered-content.js';
import type { SimGenerationStore } from './sim-generation-store.js';
import type { SimDisk } from './sim-disk.js';
import { sectorBytes, type SimFile } from './sim-file.js';
import type { SimProcess } from './sim-process.js';
import type { Verdict } from './verdict.js';
import type { Witness } from './witness.js';

/**
 * Watches every replica of a world and knows the truth they cannot: holds each output that leaves
 * against the Output Rule, and each take-over against what has left.
 */
export class Referee {
  readonly witnesses: Witness[] = [];
  readonly #verdict: Verdict;
  readonly #history: GuestHistory;
  readonly #console: ConsoleJudge;
  readonly #store: SimGenerationStore;
  readonly #disk: SimDisk;
  readonly #diskOf: (host: string) => SimDisk;
  readonly #readsItself: boolean;
  /** One disk for all, whose layers say where a generation begins. */
  readonly #isFenced: boolean;
  readonly #journal: FaultPlan['journal'];
  readonly #electorate: Electorate;
  readonly #winners = new Map<Generation, string>();
  readonly #frames = new Map<string, { readonly hash: number }>();
  /** The disk as the guest now alive found it at power-on. */
  #baseline: Uint8Array;
  /** A machine is powered on anew, and its disk is still open to whoever had it last. */
  #nextBaseline: { readonly run: Run | null } | null = null;
  /** When each replica closed the disk to all before it. */
  readonly #begunAtMs = new Map<string, number>();
  #newestGeneration: Generation = 0;
  /** Who was live last. */
  #lastLive: Witness | null = null;
  readonly boots: BootJudge;
  /** A write began on a replica that does not hold the VM any more. */
  onLateWrite: (who: string) => void = () => undefined;
  takeOvers = 0;
  /** Backups that went on from the log of another primary, or of theirs again. */
  rejoins = 0;
  coldStarts = 0;

  constructor(
    judges: {
      readonly verdict: Verdict;
      readonly history: GuestHistory;
      readonly console: ConsoleJudge;
    },
    world: {
      readonly store: SimGenerationStore;
      readonly disk: SimDisk;
      readonly diskOf: (host: string) => SimDisk;
      readonly plan: Pick<FaultPlan, 'isFenced' | 'journal' | 'disks' | 'commit'>;
    },
  ) {
    this.#verdict = judges.verdict;
    this.#history = judges.history;
    this.#console = judges.console;
    this.#store = world.store;
    this.#disk = world.disk;
    this.#diskOf = world.diskOf;
    this.#readsItself = world.plan.disks === 'backupReads';
    this.#isFenced = world.plan.isFenced && world.plan.disks !== 'replicated';
    this.#journal = world.plan.journal;
    this.boots = new BootJudge(judges.verdict, world.store, world.plan.journal);
    this.#electorate = new Electorate(() => world.store.latest, world.plan.commit);
    this.#baseline = layeredContent(world.disk);
    world.disk.onCreated = (process, name, bytes) => this.#layerCreated(process, name, bytes);
    world.disk.onRead = (...read) => this.#fileRead(...read);
    world.store.onClaimed = (record) => this.#claimed(record);
    world.store.onAnswered = (process, record, outcome) =>
      this.#claimAnswered(process.name, record, outcome);
  }

  /** Replicas that are live, or may be without anybody's help. */
  get survivors(): Witness[] {
    const alive = this.witnesses.filter(({ isAlive }) => isAlive);
    const heirs = alive.filter((witness) => !witness.isLive && this.#electorate.has(witness));
    const live = alive.filter(({ isLive }) => isLive);
    return [...live, ...(this.#electorate.canDecide(heirs) ? heirs : [])];
  }

  // --- what replicas tell --------------------------------------------------------------------

  record(witness: Witness, record: LogRecord): void {
    if (!witness.isLive) witness.received = record.epoch;
  }

  report(witness: Witness, report: RoleReport): void {
    if (report.kind === 'welcomed') witness.run = this.#history.run(report.replica);
    if (report.kind === 'resuming') {
      witness.run = this.#lastRun();
      witness.ran = report.from;
    }
    if (report.kind === 'rejoined') this.rejoins += 1;
    if (report.kind === 'stateReceived') {
      witness.received = report.epoch;
      witness.ran = report.epoch;
    }
  }

  vcpuEvent(witness: Witness, event: VcpuEvent): void {
    this.noticeLive(witness);
    const { run } = witness;
    if (!run) return;
    switch (event.kind) {
      case 'recorded':
        this.#history.recorded(run, witness.id, event.record);
        return;
      case 'ran': {
        const { epoch, outputs, after } = event;
        witness.ran = epoch;
        if (outputs.some(({ kind }) => kind === 'powerOff')) this.boots.guestEnded(run.life);
        witness.produced(epoch, outputs);
        if (!witness.isDamaged && !this.#isOutside(witness))
          this.#history.ran(run, witness.id, { epoch, outputs, after });
        return;
      }
      case 'crashed':
        witness.ran = event.epoch;
        this.boots.guestEnded(run.life);
        return;
      case 'cutTaken':
      case 'rested':
      case 'wentLive':
      case 'diverged':
        return;
    }
  }

  /** Asked often: a replica that is live now may not have been a moment ago. */
  noticeLive(witness: Witness): void {
    const { replica } = witness;
    if (witness.isLive || !replica?.isLive) return;
    witness.isLive = true;
    if (this.#store.latest?.holder.replica === witness.id) this.#lastLive = witness;
    const { run: followed } = witness;
    if (followed) {
      this.takeOvers += 1;
      const left = leftThrough(followed);
      const forgets = witness.ran < left;
      // Without sync, a journal may end before what the world has seen.
      const isNewLife = forgets && this.#journal === 'async' && this.#hasResumed(witness.id);
      if (forgets && !isNewLife) {
        this.#verdict.violated(
          'outputKept',
          witness.id,
          `went live after epoch ${witness.ran}, output of epoch ${left} had left`,
        );
      }
      const life = isNewLife ? replica.generation : followed.life;
      if (isNewLife) this.#console.begin(life);
      witness.run = this.#history.takeOver(witness.id, followed, witness.ran, life);
      // Write after log: the disk has nothing that the memory does not know of.
      // After a start that came to nothing, the disk is still what the guest before it left.
      if (this.#hasResumed(witness.id) && !this.#nextBaseline) {
        this.#judge(witness.id, witness.run);
      }
    } else {
      this.coldStarts += 1;
      witness.run = this.#history.powerOn(witness.id, replica.generation);
    }
    replica.console.read(0, (bytes, offset) => {
      witness.process.act(() => this.#consoleLeft(witness, bytes, offset));
    });
  }

  // --- what leaves ---------------------------------------------------------------------------

  #consoleLeft(witness: Witness, bytes: Uint8Array, offset: number): void {
    const { run } = witness;
    if (!run) return;
    this.#left(witness, witness.epochOfConsole(offset + bytes.byteLength), 'console output');
    this.#console.left(run.life, witness.id, bytes, offset);
  }

  frameLeft(witness: Witness, frame: Uint8Array): void {
    this.noticeLive(witness);
    const { run } = witness;
    if (!run) return;
    const [number = 0, epoch = 0, hash = 0] = new Uint32Array(frame.slice().buffer);
    this.#left(witness, epoch, 'a frame');
    const name = `${run.life}/${number}`;
    const before = this.#frames.get(name);
    if (before && before.hash !== hash) {
      this.#verdict.violated('frames', witness.id, `frame ${number} left twice, with two contents`);
    }
    this.#frames.set(name, { hash });
    if (number <= witness.framesLeft) {
      this.#verdict.violated('frames', witness.id, `frame ${number} left twice from one replica`);
    }
    witness.framesLeft = number;
  }

  writeLeft(witness: Witness, data: Uint8Array): void {
    this.noticeLive(witness);
    const write = witness.writeOf(data);
    if (!write) {
      this.#verdict.violated('noBug', witness.id, 'writes what its guest never asked for');
      return;
    }
    if (this.#store.latest?.holder.replica !== witness.id) this.onLateWrite(witness.id);
    this.#left(witness, write.epoch, `disk write ${write.id}`);
  }

  /** The Output Rule (FT paper §2.2), judged by who could go live without this output. */
  #left(witness: Witness, epoch: Epoch, what: string): void {
    const { run } = witness;
    if (!run) return;
    if (!witness.isLive) {
      this.#verdict.violated(
        'onePrimary',
        witness.id,
        `${what} left from a replica that is not live`,
      );
    }
    // Output of a replayed epoch belongs to the run that was replayed.
    const ofRun = whoRan(run, epoch);
    ofRun.leftThrough = Math.max(ofRun.leftThrough, epoch);
    if (run.endedAt !== null && epoch > run.endedAt) {
      this.#verdict.violated(
        'onePrimary',
        witness.id,
        `${what} of epoch ${epoch} left, another replica is live since epoch ${run.endedAt}`,
      );
    }
    this.#heirsKnow(witness, run, epoch, `${what} of epoch ${epoch} left`);
  }

  /** Whoever may go live after it knows of everything up to that epoch. */
  #heirsKnow(witness: Witness, run: Run, epoch: Epoch, what: string): void {
    const lacking = this.witnesses.filter((other) => {
      if (other === witness || !other.isAlive || other.has(epoch)) return false;
      return other.run?.life === run.life && this.#electorate.has(other);
    });
    if (!this.#electorate.canDecide(lacking)) return;
    for (const other of lacking) {
      this.#verdict.violated(
        'outputRule',
        witness.id,
        `${what}, ${other.id} may go live without it`,
      );
    }
  }

  /** Of whoever was live last: what a journal goes on from. */
  #lastRun(): Run | null {
    const { latest } = this.#store;
    for (let generation = latest?.generation ?? 0; generation > 0; generation -= 1) {
      const { holder, reason } = this.#store.read(generation) ?? {};
      const run = holder === undefined ? null : this.#history.run(holder.replica);
      // A process may hold a generation again and die before it is live: its run of before has ended.
      if (run?.endedAt === null) return run;
      // A start that died before anybody saw it live is one all the same: its journal is at power-on.
      if (reason === 'start') return null;
    }
    return null;
  }
  #hasResumed(replica: string): boolean {
    const { latest } = this.#store;
    return latest?.holder.replica === replica && latest.reason === 'resume';
  }

  /**
   * A backup that reads the shared disk itself and was left out of a generation: nobody waits any more
   * before he writes where it has to read, and it may not go live.
   */
  #isOutside(witness: Witness): boolean {
    const follows = !witness.isLive && witness.backupStatus !== null;
    return this.#readsItself && follows && !this.#electorate.has(witness);
  }

  // --- generations and the disk --------------------------------------------------------------

  #claimAnswered(who: string, { generation }: GenerationRecord, outcome: ClaimOutcome): void {
    if (outcome.kind !== 'won') return;
    const winner = this.#winners.get(generation);
    if (winner !== undefined && winner !== who) {
      this.#verdict.violated('onePrimary', who, `won generation ${generation}, as ${winner} did`);
    }
    this.#winners.set(generation, who);
  }

  #claimed(record: GenerationRecord): void {
    const { replica } = record.holder;
    const holder = this.#lastLive;
    if (holder?.id === replica && holder.isLive && holder.run) {
      // The members are others now.
      const { leftThrough } = holder.run;
      this.#heirsKnow(holder, holder.run, leftThrough, `epoch ${leftThrough} had left`);
    }
    // It has been live since it was told goodbye.
    if (record.reason === 'handedOver') return;
    if (!this.#isFenced) this.#begunAtMs.set(replica, this.#disk.nowMs);
    // Live again, in the same process: what others wrote between its two times is not late.
    else if (record.reason !== 'backupLost' && record.reason !== 'backupJoined')
      this.#begunAtMs.delete(replica);
    if (record.reason !== 'start') return;
    this.boots.judge(record, this.#lastLive);
    this.#nextBaseline ??= { run: this.#lastLive?.run ?? null };
    this.#lastLive = null;
    if (!this.#isFenced) this.#takeBaseline(replica);
  }

  /** The first layer of a generation closes the disk to those before it. */
  #layerCreated(process: SimProcess, name: string, bytes: Uint8Array): void {
    if (layerNumberOf(name) === 0) return;
    const { generation } = decodeLayerHead(name, bytes).head;
    const isNewest = [...this.#disk.files.keys()].every(
      (other) => layerNumberOf(other) <= layerNumberOf(name),
    );
    if (isNewest && generation < this.#newestGeneration) {
      this.#verdict.violated('fenced', process.name, `${name} is of an older generation`);
    }
    if (generation <= this.#newestGeneration) return;
    this.#newestGeneration = generation;
    this.#begunAtMs.set(process.name, this.#disk.nowMs);
    this.#takeBaseline(process.name);
  }

  /** What the disk holds must be what the last machine may have left. */
  #takeBaseline(who: string): void {
    if (!this.#nextBaseline) return;
    const { run } = this.#nextBaseline;
    this.#nextBaseline = null;
    this.#judge(who, run, run ? Math.max(run.from, run.leftThrough) : 0);
    this.#baseline = layeredContent(this.#diskOf(hostOf(who)));
  }

  /** At the end, the disk of whoever is live. */
  judgeDisk(): void {
    const { run: before } = this.#nextBaseline ?? {};
    // Somebody is about to boot: it is still the disk of the guest before.
    if (before) return this.#takeBaseline(before.id);
    const { id = 'a', run = null } = this.#lastLive ?? {};
    this.#judge(id, run);
  }

  #judge(who: string, run: Run | null, certainThrough?: Epoch): void {
    const model = new DiskModel(this.#baseline);
    if (run) model.replay(this.#history.line(run), certainThrough);
    try {
      model.compare(layeredContent(this.#diskOf(hostOf(who))));
    } catch (error) {
      // A layer that is gone or broken is as wrong as a sector.
      this.#verdict.violated('disk', who, String(error));
    }
    for (const wrong of model.wrongs.slice(0, 3)) this.#verdict.violated('disk', who, wrong);
  }

  /** No disk block that a live generation reads was written by an older one after it ended. */
  #fileRead(process: SimProcess, file: SimFile, offsetBytes: number, lengthBytes: number): void {
    const sinceMs = this.#begunAtMs.get(process.name);
    if (sinceMs === undefined || this.#store.latest?.holder.replica !== process.name) return;
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; at += sectorBytes) {
      const landing = file.landing(at / sectorBytes);
      if (!landing || landing.process === process || landing.atMs <= sinceMs) continue;
      const sector = at / sectorBytes;
      this.#verdict.violated(
        'fenced',
        process.name,
        `reads sector ${sector} of ${file.name}, which ${landing.process.name} wrote after its time`,
      );
    }
  }
}

/** Replicas are named after their host: `b3` is the third on `b`. */
function hostOf(replica: string): string {
  return replica.charAt(0);
}
