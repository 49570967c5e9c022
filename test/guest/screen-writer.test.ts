import { expect, it } from 'vitest';
import { ScreenWriter } from '../../src/guest/screen-writer.js';
import type { Display, TextScreen } from '../../src/guest/text-screen.js';
import { Prng } from '../../src/sim/prng.js';
import { TextTerminal } from './text-terminal.js';

const [columns, rows] = [20, 5];
const plain = 0x07;

function screen(lines: readonly string[], cursor: TextScreen['cursor'] = null) {
  const cells = new Uint8Array(columns * rows * 2);
  for (let at = 0; at < columns * rows; at += 1) {
    const char = lines[Math.floor(at / columns)]?.[at % columns] ?? ' ';
    cells.set([char.charCodeAt(0), plain], at * 2);
  }
  return { kind: 'text', columns, rows, cells, cursor } as const;
}

it('shows what a PC shows: text, colours and the cursor', () => {
  const terminal = new TextTerminal();
  const shown = screen(['C:\\> dir', '', 'a file'], { row: 0, column: 8 });
  // Light red on blue; a box, a smile and one that blinks.
  shown.cells.set([0xc9, 0x1c, 0x01, 0x1c, 0x58, 0x9c], columns * 2);
  terminal.write(new ScreenWriter().write(shown));
  expect([0, 1, 2].map((row) => terminal.row(row))).toEqual(['C:\\> dir', '╔☺X', 'a file']);
  expect(terminal.place(1, 0)).toBe('0;91;44 ╔');
  expect(terminal.place(1, 2)).toBe('0;5;91;44 X');
  expect(terminal).toMatchObject({ cursor: { row: 0, column: 8 }, isCursorShown: true });
});

it('writes what has changed, and nothing when nothing has', () => {
  const writer = new ScreenWriter();
  const terminal = new TextTerminal();
  terminal.write(writer.write(screen(['one', 'two'])));
  expect(terminal.isCursorShown).toBe(false);
  expect(writer.write(screen(['one', 'two'])).byteLength).toBe(0);
  const news = writer.write(screen(['one', 'too'], { row: 1, column: 3 }));
  expect(news.byteLength).toBeLessThan(40);
  terminal.write(news);
  expect(terminal.row(1)).toBe('too');
  expect(terminal.isCursorShown).toBe(true);
});

it('writes all of it for a reader who has seen nothing', () => {
  const writer = new ScreenWriter();
  const shown = screen(['one', 'two'], { row: 2, column: 0 });
  const first = writer.write(shown);
  writer.forget();
  expect(writer.write(shown)).toEqual(first);
});

it('says that pixels are not shown, once, and shows the text that follows', () => {
  const writer = new ScreenWriter();
  const terminal = new TextTerminal();
  terminal.write(writer.write(screen(['text'])));
  terminal.write(writer.write({ kind: 'pixels' }));
  expect(terminal.row(0)).toMatch(/^The guest shows pixels/);
  expect(writer.write({ kind: 'pixels' }).byteLength).toBe(0);
  terminal.write(writer.write(screen(['text'])));
  expect(terminal.row(0)).toBe('text');
});

it('leaves a terminal equal to the display, whatever came before', () => {
  const random = new Prng(7);
  const writer = new ScreenWriter();
  const [followed, whole] = [new TextTerminal(), new TextTerminal()];
  let shown = screen([]);
  let writtenBytes = 0;
  let wholes = 0;
  for (let turn = 0; turn < 3000; turn += 1) {
    shown = { ...shown, cells: Uint8Array.from(shown.cells) };
    for (let i = random.whole(0, 12); i > 0; i -= 1)
      shown.cells[random.whole(0, 199)] = random.whole(0, 255);
    const news = writer.write(shown);
    if (new TextDecoder().decode(news).includes('\x1b[2J')) wholes += 1;
    writtenBytes += news.byteLength;
    followed.write(news);
  }
  whole.write(new ScreenWriter().write(shown as Display));
  const places = (terminal: TextTerminal): string[] =>
    Array.from({ length: columns * rows }, (_, at) =>
      blankAsNothing(terminal.place(Math.floor(at / columns), at % columns)),
    );
  expect(places(followed)).toEqual(places(whole));
  // Who reads what is kept of a console finds a whole screen in it.
  expect(wholes).toBeGreaterThan(Math.floor(writtenBytes / (70 * 1024)));
});

/** Blank on black is blank, whatever colour its character would have. */
function blankAsNothing(place: string): string {
  return / {2}$/.test(place) && /(^|;)40 |^0 /.test(place) ? '' : place;
}
