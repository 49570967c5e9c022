import { connect, type Socket } from 'node:net';

/** The connection ended before the answer came: nobody knows whether the request was carried out. */
export class CutOffError extends Error {}

/** What redis answers: a status or a value, a number, nothing, or some of these. */
export type RedisAnswer = string | number | null | readonly RedisAnswer[];

/**
 * One TCP connection to the guest's redis, one request at a time.
 *
 * Written out, because a history needs to know for each request whether it was sent at all, on which
 * connection, and that nobody sent it twice; client libraries are built to hide just that.
 * Source: the redis serialization protocol, version 2.
 */
export class RedisSocket {
  readonly #socket: Socket;
  #received = '';
  #waiter: { resolve: (answer: RedisAnswer) => void; reject: (why: Error) => void } | null = null;
  #isClosed = false;

  private constructor(socket: Socket, ended: () => void) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding('utf8');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const wasOurs = this.#isClosed;
      this.#isClosed = true;
      this.#waiter?.reject(new CutOffError('the connection ended'));
      this.#waiter = null;
      if (!wasOurs) ended();
    });
  }

  /** Resolves once redis itself has answered. `ended` is called when the other side ends it later. */
  static async open(port: number, ended: () => void): Promise<RedisSocket> {
    let isOpen = false;
    const socket = connect(port, '127.0.0.1');
    const redis = new RedisSocket(socket, () => isOpen && ended());
    // The gateway takes a connection at once, and a guest that still boots resets it.
    const tooLate = setTimeout(() => redis.close(), openMsMax);
    try {
      await redis.ask('PING');
      isOpen = true;
      return redis;
    } catch (error) {
      redis.close();
      throw error;
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** Errors: CutOffError; an Error for a request that redis refuses. */
  ask(...words: readonly string[]): Promise<RedisAnswer> {
    if (this.#isClosed) return Promise.reject(new CutOffError('the connection is closed'));
    if (this.#waiter) return Promise.reject(new Error('bug: one request at a time'));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const parsed = parse(this.#received, 0);
    if (!parsed || !this.#waiter) return;
    const { resolve, reject } = this.#waiter;
    this.#waiter = null;
    this.#received = this.#received.slice(parsed.end);
    if (parsed.answer instanceof Error) reject(parsed.answer);
    else resolve(parsed.answer);
  }
}

const openMsMax = 2000;

interface Parsed {
  readonly answer: RedisAnswer | Error;
  readonly end: number;
}

/** Null while something is missing. Lengths count characters: all our values are ASCII. */
function parse(text: string, start: number): Parsed | null {
  const lineEnd = text.indexOf('\r\n', start);
  if (lineEnd < 0) return null;
  const line = text.slice(start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (text.charAt(start)) {
    case '+':
      return { answer: line, end };
    case ':':
      return { answer: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { answer: null, end };
      if (text.length < end + length + 2) return null;
      return { answer: text.slice(end, end + length), end: end + length + 2 };
    }
    case '*':
      return parseList(text, end, Number(line));
    default:
      return { answer: new Error(`redis answered ${text.slice(start, lineEnd)}`), end };
  }
}

function parseList(text: string, start: number, count: number): Parsed | null {
  const answers: RedisAnswer[] = [];
  let end = start;
  for (let i = 0; i < count; i += 1) {
    const item = parse(text, end);
    if (!item || item.answer instanceof Error) return item;
    answers.push(item.answer);
    end = item.end;
  }
  return { answer: answers, end };
}
