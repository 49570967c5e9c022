import { WebSocket } from 'ws';

/** A bare client of the switch: what it sends and what it gets. */
export class FrameSource {
  readonly received: Uint8Array[] = [];
  closedWith: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;

  static async open(url: string): Promise<FrameSource> {
    const socket = new WebSocket(url);
    const source = new FrameSource(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return source;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.received.push(data));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => (this.closedWith = { code, reason: reason.toString() }));
  }

  send(message: Uint8Array | string): void {
    this.#socket.send(message);
  }

  close(): void {
    this.#socket.terminate();
  }
}
