import { describe, expect, it } from 'vitest';
import { ConsoleHistory } from '../../src/hypervisor/console-history.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Everything a reader from `from` on gets, with its offsets checked. */
function readFrom(history: ConsoleHistory, from: number): string {
  let text = '';
  let next = from;
  history.read(from, (bytes, offset) => {
    expect(offset).toBeGreaterThanOrEqual(next);
    next = offset + bytes.byteLength;
    text += textOf(bytes);
  })();
  return text;
}

describe('each byte once', () => {
  it('what is said again is not shown again, in whole or in part', () => {
    const history = new ConsoleHistory();
    history.append(bytesOf('hello'), 0);
    history.append(bytesOf('hello'), 0);
    history.append(bytesOf('lo world'), 3);
    expect(readFrom(history, 0)).toBe('hello world');
    expect(history.end).toBe(11);
  });

  it('a reader goes on where it was, in the middle of anything', () => {
    const history = new ConsoleHistory();
    history.append(bytesOf('hello '), 0);
    history.append(bytesOf('world'), 6);
    expect(readFrom(history, 3)).toBe('lo world');
    expect(readFrom(history, 6)).toBe('world');
    expect(readFrom(history, 11)).toBe('');
    expect(readFrom(history, 99)).toBe('');
  });

  it('a reader follows, until it stops', () => {
    const history = new ConsoleHistory();
    const seen: string[] = [];
    const stop = history.read(0, (bytes, offset) => seen.push(`${offset}:${textOf(bytes)}`));
    history.append(bytesOf('ab'), 0);
    history.append(bytesOf('bc'), 1);
    stop();
    history.append(bytesOf('d'), 3);
    expect(seen).toEqual(['0:ab', '2:c']);
  });

  it('a replay that began elsewhere leaves a gap, and true offsets', () => {
    const history = new ConsoleHistory();
    history.append(bytesOf('ab'), 0);
    history.append(bytesOf('cd'), 100);
    const offsets: number[] = [];
    history.read(0, (_bytes, offset) => offsets.push(offset));
    expect(offsets).toEqual([0, 100]);
    expect(history.end).toBe(102);
  });
});

describe('bounded', () => {
  it('keeps the newest bytes', () => {
    const history = new ConsoleHistory(8192);
    for (let i = 0; i < 100; i += 1) history.append(new Uint8Array(1000).fill(i), i * 1000);
    let kept = 0;
    let first = Infinity;
    history.read(0, (bytes, offset) => {
      kept += bytes.byteLength;
      first = Math.min(first, offset);
    });
    expect(kept).toBeLessThanOrEqual(8192 + 4096);
    expect(first + kept).toBe(100_000);
  });

  it('keeps the end of one that is longer than all it keeps', () => {
    const history = new ConsoleHistory(8192);
    history.append(bytesOf(`${'x'.repeat(50_000)}end`), 0);
    expect(readFrom(history, 50_000)).toBe('end');
    expect(readFrom(history, 0).length).toBeLessThanOrEqual(8192 + 4096);
  });

  it('costs a guest that writes byte by byte no more chunks than one that does not', () => {
    const history = new ConsoleHistory();
    for (let i = 0; i < 100_000; i += 1) history.append(Uint8Array.of(0x61), i);
    let chunks = 0;
    history.read(0, () => (chunks += 1));
    expect(chunks).toBeLessThan(30);
  });

  it('gives a reader bytes that do not change afterwards', () => {
    const history = new ConsoleHistory();
    history.append(bytesOf('ab'), 0);
    const seen: Uint8Array[] = [];
    history.read(0, (bytes) => seen.push(bytes));
    history.append(bytesOf('cd'), 2);
    expect(seen.map(textOf)).toEqual(['ab', 'cd']);
  });
});
