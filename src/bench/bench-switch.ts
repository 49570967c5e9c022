import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError, GuestProcess } from './guest-process.js';

/** A switch in a process of its own, with a forward to the guest's redis. */
export class BenchSwitch {
  readonly process: GuestProcess;
  readonly url: string;
  readonly #port: number;

  private constructor(process: GuestProcess, url: string, port: number) {
    this.process = process;
    this.url = url;
    this.#port = port;
  }

  static async start(): Promise<BenchSwitch> {
    const words = ['--listen', '127.0.0.1:0', '--forward', '127.0.0.1:0:6379', '--json'];
    const process = GuestProcess.ftvm('switch', ...words);
    const [line] = await process.expect(/\{.*\}\n/);
    const { url, forwards } = JSON.parse(line) as { url: string; forwards: { port: number }[] };
    return new BenchSwitch(process, url, forwards[0]?.port ?? 0);
  }

  /** A connection on which redis has answered: at the shell's prompt it may not be there yet. */
  async reach(): Promise<Socket> {
    const deadline = performance.now() + 60_000;
    while (performance.now() < deadline) {
      const socket = connect(this.#port, '127.0.0.1');
      const answered = await new Promise<boolean>((resolve) => {
        socket.setTimeout(5000, () => socket.destroy());
        socket.once('error', () => undefined);
        socket.once('data', () => resolve(true)).once('close', () => resolve(false));
        socket.write('PING\r\n');
      });
      if (answered) return socket.setTimeout(0);
      await sleep(200);
    }
    throw new BenchError("The guest's redis did not answer for a minute");
  }
}
