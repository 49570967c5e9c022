import type { CounterJudge } from './counter-judge.js';
import type { Prng } from './prng.js';
import type { World } from './sim-cluster.js';

/**
 * Clients of the guest's counter, at the console of whoever is live as far as they can see. Each has
 * one increment under way and types it again until it is answered.
 */
export class SimClients {
  readonly #world: World;
  readonly #judge: CounterJudge;
  readonly #prng: Prng;
  readonly #clients: Client[];
  #isStopped = false;

  constructor(world: World, judge: CounterJudge, prng: Prng) {
    this.#world = world;
    this.#judge = judge;
    this.#prng = prng;
    this.#clients = Array.from({ length: world.plan.guest.clients }, (_, number) => ({
      number,
      op: 0,
      isWaiting: false,
      answeredAtMs: -1,
      stopAsking: () => undefined,
    }));
  }

  start(): void {
    for (const client of this.#clients) this.#think(client);
  }
  stop(): void {
    this.#isStopped = true;
  }

  /** Whether every client has had an answer to something it asked for after that time. */
  haveAllCountedSince(atMs: number): boolean {
    return this.#clients.every(({ answeredAtMs }) => answeredAtMs > atMs);
  }

  /** A line of the console, from whichever replica it left. */
  heard(who: string, line: string): void {
    const [verb, ...words] = line.split(' ');
    if (verb !== 'ok') return;
    const [number = -1, op = 0, count = 0] = words.map(Number);
    this.#judge.acknowledge(who, { client: number, op, count });
    const client = this.#clients[number];
    if (!client?.isWaiting || client.op !== op) return;
    client.isWaiting = false;
    client.answeredAtMs = client.beganAtMs ?? -1;
    client.stopAsking();
    this.#think(client);
  }

  #think(client: Client): void {
    const thinkMs = this.#prng.between(0, 2 * this.#world.plan.clientThinkMs);
    this.#world.timeline.after(thinkMs, () => {
      if (this.#isStopped) return;
      client.op += 1;
      client.isWaiting = true;
      client.beganAtMs = this.#world.timeline.nowMs;
      this.#judge.began(client.number, client.op);
      this.#ask(client);
    });
  }

  #ask(client: Client): void {
    if (this.#isStopped) return;
    const { referee, timeline } = this.#world;
    const live = referee.witnesses.filter((witness) => witness.isLive && witness.isAlive);
    if (live.length > 0) {
      // More than one while an old primary has not noticed yet: any of them may be asked.
      const { process, replica } = this.#prng.pick(live);
      const bytes = new TextEncoder().encode(`inc ${client.number} ${client.op}\n`);
      timeline.after(this.#prng.between(0.1, 1), () =>
        process.enter(() => replica?.inject({ kind: 'consoleInput', bytes })),
      );
    }
    client.stopAsking = timeline.after(this.#prng.between(0.5, 1.5) * askAgainMs, () =>
      this.#ask(client),
    );
  }
}

interface Client {
  readonly number: number;
  op: number;
  isWaiting: boolean;
  beganAtMs?: number;
  /** When the newest answered op began. */
  answeredAtMs: number;
  stopAsking: () => void;
}

const askAgainMs = 150;
