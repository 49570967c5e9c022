import { codePage437 } from './code-page-437.js';
import type { Display, TextScreen } from './text-screen.js';

/**
 * A PC's text screen as what a terminal shows of it: the bytes (UTF-8 and ECMA-48 control sequences) that
 * bring a terminal which has all that was written before to what the display shows now.
 *
 * Shape:  a pure function of the displays since the last `forget`: replicas write the same bytes.
 */
export class ScreenWriter {
  #shown: Display | null = null;
  #writtenBytes = 0;

  /** Writes everything the next time, for a reader who has seen nothing. */
  forget(): void {
    this.#shown = null;
  }

  /** Empty if nothing has changed. */
  write(display: Display): Uint8Array {
    // Whoever comes later reads what is kept of the console, and finds one whole screen in it.
    if (this.#writtenBytes > wholeEveryBytes) this.forget();
    const before = this.#shown;
    const isWhole = !before || !hasSameShape(before, display);
    if (isWhole) this.#writtenBytes = 0;
    const text =
      display.kind === 'pixels'
        ? isWhole
          ? pixels
          : ''
        : screenText(display, isWhole || before.kind === 'pixels' ? null : before);
    this.#shown = display;
    const bytes = utf8.encode(text);
    this.#writtenBytes += bytes.byteLength;
    return bytes;
  }
}

function hasSameShape(before: Display, now: Display): boolean {
  if (before.kind === 'pixels' || now.kind === 'pixels') return before.kind === now.kind;
  return before.columns === now.columns && before.rows === now.rows;
}

/** `before` has the same shape, or is null. */
function screenText(now: TextScreen, before: TextScreen | null): string {
  const rows = Array.from({ length: now.rows }, (_, row) => rowText(now, before, row)).join('');
  const isMoved =
    before?.cursor?.row !== now.cursor?.row || before?.cursor?.column !== now.cursor?.column;
  if (before && rows === '' && !isMoved) return '';
  const cursor = now.cursor
    ? `${moveTo(now.cursor.row, now.cursor.column)}${showCursor}`
    : hideCursor;
  return `${before ? '' : clear}${rows}${plain}${cursor}`;
}

/** The places of a row that have changed, each with the column it starts at and its colours. */
function rowText({ columns, cells }: TextScreen, before: TextScreen | null, row: number): string {
  let text = '';
  let next = -1;
  let colours = -1;
  for (let column = 0; column < columns; column += 1) {
    const at = (row * columns + column) * 2;
    const [code = 0, attribute = 0] = [cells[at], cells[at + 1]];
    const [codeBefore = 0, attributeBefore = 0] = before
      ? [before.cells[at], before.cells[at + 1]]
      : [];
    const isSame = code === codeBefore && attribute === attributeBefore;
    // Blank is blank, whatever colour its character would have.
    if (isSame || (isBlank(code, attribute) && isBlank(codeBefore, attributeBefore))) continue;
    if (column !== next) text += moveTo(row, column);
    if (attribute !== colours) text += coloursOf(attribute);
    text += codePage437[code] ?? ' ';
    next = column + 1;
    colours = attribute;
  }
  return text;
}

function isBlank(code: number, attribute: number): boolean {
  return (code === 0 || code === 0x20) && (attribute & 0x70) === 0;
}

/** Select Graphic Rendition: a PC counts blue, green, red from the lowest bit, a terminal red first. */
function coloursOf(attribute: number): string {
  const foreground = (attribute & 8 ? 90 : 30) + terminalColour(attribute & 7);
  const background = 40 + terminalColour((attribute >> 4) & 7);
  return `\x1b[0;${attribute & 0x80 ? '5;' : ''}${foreground};${background}m`;
}
function terminalColour(colour: number): number {
  return ((colour & 1) << 2) | (colour & 2) | (colour >> 2);
}

function moveTo(row: number, column: number): string {
  return `\x1b[${row + 1};${column + 1}H`;
}

const plain = '\x1b[0m';
const clear = '\x1b[0m\x1b[2J\x1b[1;1H';
const pixels = `${clear}The guest shows pixels. Only text is shown here.`;
const showCursor = '\x1b[?25h';
const hideCursor = '\x1b[?25l';
// A busy screen is written whole some times a minute; what is kept of a console is 16 times that.
const wholeEveryBytes = 64 * 1024;
const utf8 = new TextEncoder();
