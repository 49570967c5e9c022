import type { HypervisorStatus } from '../hypervisor/status.js';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FtvmError } from '../errors.js';
import { Activity } from './activity.js';
import { ChaosCluster } from './chaos-cluster.js';
import { ChaosError } from './chaos-error.js';
import { reportOf, type ChaosReport, type FailedRound, type RoundRow } from './chaos-report.js';
import { ChaosRound, type RoundFacts } from './chaos-round.js';
import { faultKinds, faultWords, rollFault, type Fault, type FaultKind } from './fault.js';
import { withholdsStorage } from './fault-injection.js';
import { GenerationAudit } from './generation-audit.js';
import { clientsMax, RegisterClient } from './register-client.js';

export interface ChaosOptions {
  readonly rounds: number;
  /** Of the first round; each round has the next one. */
  readonly seed: number;
  readonly clients: number;
  readonly backups: number;
  readonly commit: HypervisorStatus['commit'];
  /** Only these; all, if it is empty. */
  readonly kinds: readonly FaultKind[];
}

/** A VM under test with its clients; a failed round ends it, and the next one gets another. */
interface Setup {
  readonly dir: string;
  readonly cluster: ChaosCluster;
  readonly clients: RegisterClient[];
  readonly activity: Activity;
  readonly audit: GenerationAudit;
  resets: number;
  takeovers: number;
  divergences: number;
}

const nothing: RoundFacts = {
  acknowledgedWrites: 0,
  operations: 0,
  lost: 0,
  isLinearizable: true,
  gapMs: 0,
  violations: [],
};

/** Round after round of faults against real processes, and what they showed. */
export class ChaosCampaign {
  readonly #options: ChaosOptions;
  readonly #say: (line: string) => void;
  #setup: Setup | null = null;
  #isCancelled = false;
  #cancel: (why: Error) => void = () => undefined;
  readonly #cancelled: Promise<never>;
  readonly #rows: RoundRow[] = [];
  readonly #failed: FailedRound[] = [];

  constructor(options: ChaosOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#cancelled = new Promise((_resolve, reject) => (this.#cancel = reject));
    this.#cancelled.catch(() => undefined);
  }

  async run(): Promise<ChaosReport> {
    const { rounds, seed } = this.#options;
    const kinds = this.#options.kinds.length > 0 ? this.#options.kinds : faultKinds;
    for (let round = 1; round <= rounds && this.#failed.length < failuresMax; round += 1) {
      const roundSeed = seed + round - 1;
      await this.#round(round, roundSeed, rollFault(roundSeed, kinds));
    }
    await this.#within(this.#setup?.cluster.powerOff());
    return reportOf(this.#rows, this.#failed);
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#cancel(new ChaosError('Interrupted'));
  }

  /** Nothing of ours runs or lies about when it resolves, but for the evidence of failures. */
  async cleanUp(): Promise<void> {
    const setup = this.#setup;
    if (!setup) return;
    await this.#close(setup);
    await rm(setup.dir, { recursive: true, force: true });
  }

  async #round(round: number, seed: number, fault: Fault): Promise<void> {
    const setup = (this.#setup ??= await this.#prepare());
    const { cluster, clients, activity } = setup;
    const resetsBefore = setup.resets;
    const one = new ChaosRound(cluster, clients, activity);
    let facts = nothing;
    const violations: string[] = [];
    try {
      facts = await this.#within(one.run(seed, fault));
    } catch (error) {
      if (this.#isCancelled) throw error;
      violations.push(wordsOf(error));
      await cluster.bringStorageBack();
      await cluster.speedUpStorage();
      facts = await this.#within(one.examine(seed, this.#client(setup, clientsMax - 1)));
    }
    violations.push(...facts.violations);
    violations.push(...cluster.watch.takeViolations(), ...cluster.unexpectedEnds);
    // Ours may be where it should not be if the round broke off.
    await cluster.bringStorageBack();
    violations.push(...(await setup.audit.check(cluster.generationsDir, cluster.watch.holders)));
    const lostConnections = setup.resets - resetsBefore;
    const isSwitchGone = fault.kind === 'switchRestart';
    if (lostConnections > 0 && !isSwitchGone)
      violations.push(`${lostConnections} connections reset`);
    const divergences = cluster.divergences - setup.divergences;
    if (divergences > 0) violations.push(`${divergences} backups diverged`);
    const failovers = setup.audit.takeovers - setup.takeovers;
    setup.takeovers += failovers;
    setup.divergences += divergences;
    this.#rows.push({
      ...facts,
      kind: fault.kind,
      failovers,
      divergences,
      isGapOurs: withholdsStorage(fault.kind),
      resets: isSwitchGone ? 0 : lostConnections,
      switchDisconnects: isSwitchGone ? lostConnections : 0,
    });
    this.#say(
      `round ${round} (seed ${seed}): ${faultWords[fault.kind]}: ` +
        `${facts.operations} operations, ${failovers} failovers, longest silence ${facts.gapMs.toFixed(0)} ms` +
        (violations.length === 0 ? '' : `, ${violations.length} VIOLATIONS`),
    );
    if (violations.length > 0) await this.#fail(setup, seed, fault, one, violations);
  }

  async #prepare(): Promise<Setup> {
    const dir = await mkdtemp(join(tmpdir(), 'ftvm-chaos-'));
    const cluster = new ChaosCluster(dir, this.#options);
    const activity = new Activity();
    const setup: Setup = {
      dir,
      cluster,
      activity,
      clients: [],
      audit: new GenerationAudit(),
      resets: 0,
      takeovers: 0,
      divergences: 0,
    };
    for (let id = 0; id < this.#options.clients; id += 1) {
      setup.clients.push(this.#client(setup, id));
    }
    this.#setup = setup;
    await this.#within(cluster.start());
    await this.#within(Promise.all(setup.clients.map((client) => client.connect())));
    this.#say(`a VM runs, ${setup.clients.length} clients are connected to its redis`);
    return setup;
  }

  #client(setup: Setup, id: number): RegisterClient {
    return new RegisterClient(id, () => setup.cluster.port, {
      answered: () => setup.activity.answered(),
      disconnected: () => (setup.resets += 1),
    });
  }

  async #fail(
    setup: Setup,
    seed: number,
    fault: Fault,
    { history }: ChaosRound,
    violations: readonly string[],
  ): Promise<void> {
    this.#setup = null;
    await this.#close(setup);
    const { dir: evidence } = setup;
    this.#failed.push({ seed, fault: fault.kind, evidence, violations });
    // Disks are large and say nothing of who was live.
    await rm(join(evidence, 'vm', 'disk'), { recursive: true, force: true });
    await mkdir(evidence, { recursive: true });
    const { operations, kept } = history;
    const found = { seed, fault, violations, operations, kept };
    await writeFile(join(evidence, 'round.json'), `${JSON.stringify(found, null, 1)}\n`);
    for (const violation of violations) this.#say(`  ${violation}`);
    this.#say(`  evidence: ${evidence}; again: ${this.#again(seed, fault)}`);
  }

  /** The same fault at the same moment, whatever kinds were wished for. */
  #again(seed: number, { kind }: Fault): string {
    const { clients, backups, commit } = this.#options;
    const vm = `--clients ${clients} --backups ${backups} --commit ${commit}`;
    return `ftvm chaos --rounds 1 --seed ${seed} --faults ${kind} ${vm}`;
  }

  async #close({ cluster, clients }: Setup): Promise<void> {
    for (const client of clients) client.close();
    await cluster.close();
  }

  async #within<T>(what: Promise<T> | undefined): Promise<T> {
    return Promise.race([what as Promise<T>, this.#cancelled]);
  }
}

/** A bug of the campaign itself is a failed round, too, and has a stack to show. */
function wordsOf(error: unknown): string {
  if (error instanceof FtvmError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// Enough to see whether they are one cause or many.
const failuresMax = 5;
