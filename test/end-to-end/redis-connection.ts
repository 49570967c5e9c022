import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Transcript } from './transcript.js';
import type { VmUnderTest } from './vm-under-test.js';

interface SwitchFacts {
  readonly url: string;
  readonly forwards: readonly { readonly port: number }[];
}

/** A switch for one VM, with a port of the host that leads to one of the guest's. */
export async function switchFor(
  vm: VmUnderTest,
  guestPort: number,
): Promise<{ readonly url: string; readonly port: number }> {
  const forward = `127.0.0.1:0:${guestPort}`;
  const words = ['switch', '--listen', '127.0.0.1:0', '--forward', forward, '--json'];
  const [line] = await vm.start(...words).stdout.until(/\{.*\}\n/);
  const { url, forwards } = JSON.parse(line) as SwitchFacts;
  return { url, port: forwards[0]!.port };
}

/** A connection to the guest's redis that is never made anew. */
export class RedisConnection {
  readonly #socket: Socket;
  readonly #answers = new Transcript('the answers of redis');
  /** Set when the connection ends, however it does. */
  isOver = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk: Buffer) => this.#answers.add(chunk));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => (this.isOver = true));
    onTestFinished(() => void this.#socket.destroy());
  }

  /** The answer to one request; a value comes in two lines. */
  async ask(request: string): Promise<string> {
    const from = this.#answers.end;
    this.#socket.write(`${request}\r\n`);
    const [answer] = await this.#answers.until(/^(\+.*|:\d+|\$\d+\r\n.*)\r\n/, from);
    return answer.trim();
  }
}
