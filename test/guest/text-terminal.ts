/** A terminal that knows what `ScreenWriter` writes, and no more; anything else is an error. */
export class TextTerminal {
  #places = new Map<string, string>();
  #row = 1;
  #column = 1;
  #colours = '0';
  isCursorShown = true;

  write(bytes: Uint8Array): void {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    for (const [, control, char = ''] of text.matchAll(/\x1b\[(\??[\d;]*[A-Za-z])|([^])/g)) {
      if (control === undefined) this.#show(char);
      else this.#obey(control);
    }
  }

  /** The text of a row from 0, without the blanks at its end. */
  row(row: number): string {
    const columns = [...this.#places.keys()].map((place) => Number(place.split(' ')[1]));
    const last = Math.max(0, ...columns);
    const chars = Array.from({ length: last }, (_, at) => this.#at(row + 1, at + 1).slice(-1));
    return chars.join('').trimEnd();
  }
  /** What stands there, as its colours and its character. */
  place(row: number, column: number): string {
    return this.#at(row + 1, column + 1);
  }
  get cursor(): { row: number; column: number } {
    return { row: this.#row - 1, column: this.#column - 1 };
  }

  #at(row: number, column: number): string {
    return this.#places.get(`${row} ${column}`) ?? '0  ';
  }
  #show(char: string): void {
    if (char < ' ') throw new Error(`a control character: ${JSON.stringify(char)}`);
    this.#places.set(`${this.#row} ${this.#column}`, `${this.#colours} ${char}`);
    this.#column += 1;
  }
  #obey(control: string): void {
    const [, parameters = '', final] = /^(.*)(.)$/.exec(control) ?? [];
    const known = `${parameters}${final}`;
    if (final === 'H') [this.#row = 1, this.#column = 1] = parameters.split(';').map(Number);
    else if (final === 'm') this.#colours = parameters;
    else if (known === '2J') this.#places.clear();
    else if (known === '?25h') this.isCursorShown = true;
    else if (known === '?25l') this.isCursorShown = false;
    else throw new Error(`an unknown sequence: ${control}`);
  }
}
