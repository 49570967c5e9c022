import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HolderProbe, ProbeOutcome } from '../host/holder-probe.js';
import type { SeatAnswer, SeatStatus } from '../arbiter/seat.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** Asks another host over the network whether a replica's process is there. */
export class SimHolderProbe implements HolderProbe {
  readonly #timeline: Timeline;
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  readonly #processOf: (replica: string) => SimProcess | undefined;

  constructor(
    timeline: Timeline,
    network: SimNetwork,
    process: SimProcess,
    processOf: (replica: string) => SimProcess | undefined,
  ) {
    this.#timeline = timeline;
    this.#network = network;
    this.#process = process;
    this.#processOf = processOf;
  }

  async probe(identity: ReplicaIdentity): Promise<ProbeOutcome> {
    const found = await this.#ask(identity);
    return typeof found === 'string' ? found : 'live';
  }

  async mayGoLive(identity: ReplicaIdentity): Promise<'yes' | 'no' | 'silent'> {
    const found = await this.#ask(identity);
    if (typeof found === 'string') return found === 'gone' ? 'no' : 'silent';
    return found.mayGoLive ? 'yes' : 'no';
  }

  async seatOf(identity: ReplicaIdentity): Promise<SeatAnswer> {
    const found = await this.#ask(identity);
    return typeof found === 'string' ? found : (found.seat ?? 'none');
  }

  #ask(identity: ReplicaIdentity): Promise<Found> {
    return this.#process.promise<Found>((answer) =>
      this.#process.act(() => this.#send(identity, answer)),
    );
  }

  #send(identity: ReplicaIdentity, answer: (found: Found) => void): void {
    const host = this.#network.hostOf(identity.endpoint);
    const here = this.#process.host;
    const stopWaiting = this.#timeline.after(answerMsMax, () => answer('silent'));
    this.#timeline.after(this.#network.delayMs(here, host), () => {
      if (!this.#network.canTalk(here, host)) return;
      const target = this.#processOf(identity.replica);
      const reply = (outcome: Found): void => {
        this.#timeline.after(this.#network.delayMs(host, here), () => {
          if (!this.#network.canTalk(here, host)) return;
          stopWaiting();
          answer(outcome);
        });
      };
      if (!target || target.isDead) reply('gone');
      else target.enter(() => reply({ mayGoLive: target.mayGoLive(), seat: target.seat() }));
    });
  }
}

type Found = 'gone' | 'silent' | { readonly mayGoLive: boolean; readonly seat: SeatStatus | null };

const answerMsMax = 1000;
