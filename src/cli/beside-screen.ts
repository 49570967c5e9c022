import type { LineTerminal } from '../node/pino-diagnostics.js';
import type { Vm } from '../node/vm-directory.js';

/**
 * Standard error on a terminal that shows the guest's screen: each line goes below that, where the last
 * one was, and the cursor back to where the guest has it.
 */
export class BesideScreen implements LineTerminal {
  readonly #terminal: NodeJS.WritableStream;

  constructor(terminal: NodeJS.WritableStream = process.stderr) {
    this.#terminal = terminal;
  }

  /** Null: the lines come between nothing. */
  static of({ spec }: Vm): BesideScreen | null {
    const isShown = spec.console === 'screen' && process.stdout.isTTY && process.stderr.isTTY;
    return isShown ? new BesideScreen() : null;
  }

  write(line: string): void {
    this.#terminal.write(`${keepPlace}${goBelow}${line.trimEnd()}${goBack}`);
  }

  on(event: 'error', listener: () => void): void {
    this.#terminal.on(event, listener);
  }

  /** What comes next is written below all that is shown. */
  leave(): void {
    this.#terminal.write(`${lastLine}${showCursor}\n`);
  }
}

// The last line of the terminal, however many it has.
const lastLine = '\x1b[0m\x1b[999;1H';
const goBelow = `${lastLine}\x1b[2K`;
const keepPlace = '\x1b7';
const goBack = '\x1b8';
const showCursor = '\x1b[?25h';
