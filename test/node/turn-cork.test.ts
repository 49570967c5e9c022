import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { TurnCork } from '../../src/node/turn-cork.js';

/** Each call of the system, as the bytes it was given. */
function counted(): { stream: Writable; calls: number[] } {
  const calls: number[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      calls.push(chunk.byteLength);
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.reduce((bytes, { chunk }) => bytes + (chunk as Buffer).byteLength, 0));
      done();
    },
  });
  return { stream, calls };
}
const turnEnds = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('writes what one turn gives in one call, and the next turn in another', async () => {
  const { stream, calls } = counted();
  const cork = new TurnCork(stream);
  for (const turn of [3, 2]) {
    for (let i = 0; i < turn; i += 1) {
      cork.willWrite(100);
      stream.write(Buffer.alloc(100));
    }
    await turnEnds();
  }
  expect(calls).toEqual([300, 200]);
});

it('does not hold back the start of a long burst until its end', () => {
  const { stream, calls } = counted();
  const cork = new TurnCork(stream);
  for (let i = 0; i < 40; i += 1) {
    cork.willWrite(1024);
    stream.write(Buffer.alloc(1024));
  }
  expect(calls).toEqual([16 * 1024, 16 * 1024]);
});
