import { describe, expect, it, onTestFinished } from 'vitest';
import { UdpDatagrams } from '../../src/node/udp-datagrams.js';
import { rejection } from './scratch.js';

const anyPort = { host: '127.0.0.1', port: 0 };

interface Received {
  readonly message: string;
  readonly from: string;
}

/** A bound socket whose messages can be waited for. */
async function bind(): Promise<{ datagrams: UdpDatagrams; next: () => Promise<Received> }> {
  const queue: Received[] = [];
  let wake = (): void => undefined;
  const datagrams = await UdpDatagrams.bind(anyPort, (message, from) => {
    queue.push({ message: Buffer.from(message).toString(), from });
    wake();
  });
  onTestFinished(() => datagrams.close());
  const next = async (): Promise<Received> => {
    while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return queue.shift() as Received;
  };
  return { datagrams, next };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('datagrams', () => {
  it('reach a peer, which can answer to where they came from', async () => {
    const [a, b] = [await bind(), await bind()];
    a.datagrams.send(b.datagrams.address, bytes('ping'));
    const ping = await b.next();
    expect(ping).toEqual({ message: 'ping', from: a.datagrams.address });
    b.datagrams.send(ping.from, bytes('pong'));
    expect(await a.next()).toEqual({ message: 'pong', from: b.datagrams.address });
  });

  it('are lost, not thrown, when they cannot be sent', async () => {
    const [a, b] = [await bind(), await bind()];
    for (const to of ['', 'nowhere', '127.0.0.1:0', '127.0.0.1:99999', '[::1]:9', '127.0.0.1']) {
      a.datagrams.send(to, bytes('lost'));
    }
    a.datagrams.send(b.datagrams.address, new Uint8Array(100_000));
    a.datagrams.send(b.datagrams.address, bytes('after'));
    expect((await b.next()).message).toBe('after');
    a.datagrams.close();
    a.datagrams.close();
    a.datagrams.send(b.datagrams.address, bytes('late'));
  });

  it('say when their port is taken', async () => {
    const { datagrams } = await bind();
    const port = Number(datagrams.address.split(':')[1]);
    expect(await rejection(UdpDatagrams.bind({ ...anyPort, port }, () => undefined))).toMatchObject(
      { code: 'FTVM_PORT_TAKEN' },
    );
  });
});
