import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Which way nothing goes: to the side that connected, or to the side it wanted. */
export type Direction = 'toBackup' | 'toPrimary';

/**
 * A cable of the logging channel that can be cut: a backup connects here instead of to its primary.
 *
 * What is sent while a direction is cut waits, as it does in the buffers of TCP while packets are
 * lost, and so does the news that the other end has closed. Whatever waited arrives when the cable is
 * mended: late, which is the interesting part.
 */
export class ChannelProxy {
  readonly #server: Server;
  readonly #cut = new Set<Direction>();
  readonly #pairs = new Set<{ readonly backup: Socket; readonly primary: Socket }>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Stands before `url`, a `ws://host:port` of this host. */
  static async open(url: string): Promise<ChannelProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer({ allowHalfOpen: true });
    const proxy = new ChannelProxy(server);
    server.on('connection', (backup) => {
      proxy.#join(backup, connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  /** Somebody talks through it. */
  get isUsed(): boolean {
    return this.#pairs.size > 0;
  }

  cut(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#cut.add(direction);
    this.#apply();
  }
  mend(): void {
    this.#cut.clear();
    this.#apply();
  }
  /** Both ends hear at once that the channel is gone. */
  reset(): void {
    for (const { backup, primary } of this.#pairs) {
      backup.resetAndDestroy();
      primary.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    for (const { backup, primary } of this.#pairs) {
      backup.destroy();
      primary.destroy();
    }
  }

  #join(backup: Socket, primary: Socket): void {
    const pair = { backup, primary };
    this.#pairs.add(pair);
    this.#carry(backup, primary, 'toPrimary');
    this.#carry(primary, backup, 'toBackup');
    const forget = (): void => {
      if (backup.destroyed && primary.destroyed) this.#pairs.delete(pair);
    };
    backup.once('close', forget);
    primary.once('close', forget);
    this.#apply();
  }

  #carry(from: Socket, to: Socket, direction: Direction): void {
    from.setNoDelay(true);
    from.on('data', (bytes: Buffer) => {
      // Pausing lets what has been read already through; it was on its way before the cut.
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => {
      if (!this.#cut.has(direction)) from.resume();
    });
    // A socket that is paused tells of its end all the same, if nothing waits before it.
    const tell = (what: () => void): void => {
      if (this.#cut.has(direction)) this.#waiting.push(what);
      else what();
    };
    from.on('end', () => tell(() => to.end()));
    from.on('error', () => undefined);
    from.once('close', () => tell(() => to.destroySoon()));
  }

  /** Ends that could not be told of yet. */
  readonly #waiting: (() => void)[] = [];

  #apply(): void {
    for (const { backup, primary } of this.#pairs) {
      if (this.#cut.has('toPrimary')) backup.pause();
      else backup.resume();
      if (this.#cut.has('toBackup')) primary.pause();
      else primary.resume();
    }
    if (this.#cut.size === 0) for (const tell of this.#waiting.splice(0)) tell();
  }
}
