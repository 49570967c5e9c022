import { describe, expect, it, onTestFinished } from 'vitest';
import type { AcceptLink, Link, LinkConnector, LinkListener } from '../../src/host/link.js';
import { LinkRecorder } from './link-recorder.js';

/** A host's links: one that dials and one that takes. */
export interface LinkHost {
  readonly connector: LinkConnector;
  listen(accept: AcceptLink): Promise<LinkListener>;
}

interface Ends {
  readonly dialled: Link;
  readonly dialler: LinkRecorder;
  readonly taken: Link;
  readonly taker: LinkRecorder;
}

/** What every implementation of `Link` promises. */
export function linkContract(hostName: string, makeHost: () => LinkHost): void {
  describe(`a link of ${hostName}`, () => {
    /** Both ends of an open link, closed when the test is over. */
    async function openLink(): Promise<Ends> {
      const host = makeHost();
      const taker = new LinkRecorder();
      let accepted: (link: Link) => void;
      const taking = new Promise<Link>((resolve) => (accepted = resolve));
      const listener = await host.listen((link) => {
        accepted(link);
        return taker;
      });
      const dialler = new LinkRecorder();
      const dialled = host.connector.connect(listener.endpoint, dialler);
      onTestFinished(async () => {
        dialled.close();
        await listener.close();
      });
      await dialler.openedLink();
      return { dialled, dialler, taken: await taking, taker };
    }

    it('delivers whole messages in order, both ways', async () => {
      const { dialled, dialler, taken, taker } = await openLink();
      for (let i = 0; i < 100; i += 1) {
        dialled.send(Uint8Array.of(1, i));
        taken.send(Uint8Array.of(2, i, i));
      }
      const expected = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
      const there = await taker.nextMessages(100);
      const here = await dialler.nextMessages(100);
      for (let i = 0; i < 100; i += 1) {
        expect(there[i]).toEqual(expected(1, i));
        expect(here[i]).toEqual(expected(2, i, i));
      }
    });

    it('keeps an empty message and a long one whole', async () => {
      const { dialled, taker } = await openLink();
      const long = new Uint8Array(3 * 1024 * 1024).fill(7);
      dialled.send(new Uint8Array(0));
      dialled.send(long);
      const [first, second] = await taker.nextMessages(2);
      expect(first).toHaveLength(0);
      expect(Buffer.compare(second ?? new Uint8Array(), long)).toBe(0);
    });

    it('delivers what was sent before a close, then ends on both sides, once and last', async () => {
      const { dialled, dialler, taken, taker } = await openLink();
      for (let i = 0; i < 50; i += 1) dialled.send(Uint8Array.of(i));
      dialled.close();
      expect(await taker.end()).toEqual({ kind: 'closed' });
      expect(await dialler.end()).toEqual({ kind: 'closed' });
      expect(taker.messages).toHaveLength(50);
      taken.close();
      dialled.close();
      expect(taker.story.slice(-1)).toEqual(['ended']);
      expect(taker.ends).toHaveLength(1);
      expect(dialler.ends).toHaveLength(1);
    });

    it('ignores a send after the end', async () => {
      const { dialled, dialler, taken, taker } = await openLink();
      taken.close();
      await dialler.end();
      dialled.send(Uint8Array.of(1));
      taken.send(Uint8Array.of(1));
      expect(taker.messages).toEqual([]);
      expect(dialler.messages).toEqual([]);
    });

    it('holds the sender back while the receiver does not read, and loses nothing', async () => {
      const { dialled, dialler, taken, taker } = await openLink();
      dialled.pauseReading();
      const messages = 64;
      for (let i = 0; i < messages; i += 1) taken.send(new Uint8Array(1024 * 1024).fill(i));
      // The other direction still works, and gives the host time to deliver what it should not.
      dialled.send(Uint8Array.of(1));
      await taker.nextMessages(1);
      expect(dialler.messages).toEqual([]);
      // Far more than sockets hold: some of it waits here, however long we look.
      expect(taken.bufferedBytes()).toBeGreaterThan(0);
      dialled.resumeReading();
      const received = await dialler.nextMessages(messages);
      expect(received.map((message) => message[0])).toEqual([...Array(messages).keys()]);
      expect(taken.bufferedBytes()).toBe(0);
    });

    it('is refused, and never opened, where nobody listens', async () => {
      const host = makeHost();
      const listener = await host.listen(() => new LinkRecorder());
      await listener.close();
      const dialler = new LinkRecorder();
      host.connector.connect(listener.endpoint, dialler);
      expect(dialler.story).toEqual([]);
      expect(await dialler.end()).toEqual({ kind: 'refused' });
      expect(dialler.story).toEqual(['ended']);
    });

    it('may be closed before it opens', async () => {
      const host = makeHost();
      const listener = await host.listen(() => new LinkRecorder());
      onTestFinished(() => listener.close());
      const dialler = new LinkRecorder();
      host.connector.connect(listener.endpoint, dialler).close();
      expect(await dialler.end()).toEqual({ kind: 'closed' });
      expect(dialler.story).toEqual(['ended']);
    });

    it('tells its peer when its process closes the listener', async () => {
      const host = makeHost();
      const listener = await host.listen(() => new LinkRecorder());
      const dialler = new LinkRecorder();
      host.connector.connect(listener.endpoint, dialler);
      await dialler.openedLink();
      await listener.close();
      expect(await dialler.end()).toEqual({ kind: 'closed' });
    });
  });
}
