import { type AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { NodeClock } from '../../src/node/node-clock.js';
import type { Chance } from './chance.js';
import { LossyWire } from './lossy-wire.js';

/**
 * A cable between one guest and a switch that loses, repeats and reorders frames, and that can be
 * pulled out and put into another port of the switch while the guest notices nothing.
 */
export class LossyRelay {
  readonly toSwitch: LossyWire;
  readonly toGuest: LossyWire;
  readonly #server: WebSocketServer;
  readonly #switchUrl: string;
  readonly #held: Uint8Array[] = [];
  #guest: WebSocket | null = null;
  #uplink: WebSocket | null = null;

  static async open(switchUrl: string, chance: Chance): Promise<LossyRelay> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await new Promise((resolve) => server.once('listening', resolve));
    const relay = new LossyRelay(server, switchUrl, chance);
    await relay.plugIn();
    return relay;
  }

  private constructor(server: WebSocketServer, switchUrl: string, chance: Chance) {
    this.#server = server;
    this.#switchUrl = switchUrl;
    const clock = new NodeClock();
    const calm = { delayMs: 0 };
    this.toSwitch = new LossyWire(clock, chance, calm, (frame) => this.#toSwitch(frame));
    this.toGuest = new LossyWire(clock, chance, calm, (frame) => this.#guest?.send(frame));
    server.on('connection', (socket) => {
      this.#guest = socket;
      socket.on('message', (data: Buffer) => this.toSwitch.send(data));
      socket.on('error', () => undefined);
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a new primary does: it announces the MAC and lets out what was held. */
  goLive(announcement: readonly Uint8Array[]): void {
    for (const frame of [...announcement, ...this.#held.splice(0)]) this.#uplink?.send(frame);
  }

  async plugIn(): Promise<void> {
    const socket = new WebSocket(this.#switchUrl);
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      if (this.#uplink === socket) this.toGuest.send(data);
    });
    await new Promise((resolve) => socket.once('open', resolve));
    this.#uplink = socket;
  }

  #toSwitch(frame: Uint8Array): void {
    if (this.#uplink) this.#uplink.send(frame);
    else this.#held.push(frame);
  }

  /** As when the process of a primary is killed. */
  pull(): void {
    this.#uplink?.terminate();
    this.#uplink = null;
  }

  close(): void {
    this.#uplink?.terminate();
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}
