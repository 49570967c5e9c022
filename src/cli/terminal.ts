import type { OperatorEvent } from '../guest/guest-event.js';
import type { Replica } from '../hypervisor/replica.js';
import type { ConsoleOffset } from '../units.js';

/** What the menu behind Ctrl-] can ask for. */
export interface TerminalActions {
  readonly press: (event: OperatorEvent) => void;
  readonly leave: () => void;
  readonly handOver: () => boolean;
  /** Who protects whom, in one line. */
  readonly status: () => string;
  readonly say: (line: string) => void;
}

/**
 * The guest's serial console on this process's stdin and stdout.
 *
 * Shape:  stdout carries the guest's bytes and nothing else, each once, though replicas come and go.
 *         stdin goes to the guest while this replica is live; on a terminal it is raw, and Ctrl-]
 *         opens a menu.
 */
export class Terminal {
  readonly #actions: TerminalActions;
  #replica: Replica | null = null;
  #shown: ConsoleOffset = 0;
  #stopReading: () => void = () => undefined;
  #inMenu = false;
  readonly #onData = (data: Buffer): void => this.#typed(data);

  constructor(actions: TerminalActions) {
    this.#actions = actions;
  }

  open(): void {
    // A reader that goes away (head, a closed window) must not end a VM.
    process.stdout.on('error', () => this.#stopReading());
    process.stdin.on('error', () => undefined);
    process.stdin.on('data', this.#onData);
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.resume();
  }

  /** The replica to show and type to from now on. */
  attach(replica: Replica): void {
    this.#stopReading();
    this.#replica = replica;
    this.#stopReading = replica.console.read(this.#shown, (bytes, offset) => {
      this.#shown = offset + bytes.byteLength;
      process.stdout.write(bytes);
    });
  }

  close(): void {
    this.#stopReading();
    process.stdin.off('data', this.#onData);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  #typed(data: Buffer): void {
    if (!process.stdin.isTTY) {
      this.#send(data);
      return;
    }
    for (let at = 0; at < data.byteLength;) {
      const byte = data[at] ?? 0;
      if (this.#inMenu) this.#choose(byte);
      else if (byte === menuKey) this.#openMenu();
      else {
        // In one piece: a key may be several bytes.
        const menuAt = data.indexOf(menuKey, at);
        const end = menuAt < 0 ? data.byteLength : menuAt;
        this.#send(data.subarray(at, end));
        at = end;
        continue;
      }
      at += 1;
    }
  }

  #send(bytes: Uint8Array): void {
    if (!this.#replica?.isLive && process.stdin.isTTY) {
      this.#actions.say('this is a backup: it takes no input until it goes live');
      return;
    }
    this.#replica?.inject({ kind: 'consoleInput', bytes: Uint8Array.from(bytes) });
  }

  #openMenu(): void {
    this.#inMenu = true;
    this.#actions.say(
      'd: detach (run on without a console)  f: failover to a backup  q: stop this replica  s: status',
    );
    this.#actions.say(
      'h: hold the guest (pause)  c: let it continue  r: reset  b: power button  p: cut its power',
    );
    this.#actions.say('Ctrl-]: send Ctrl-] to the guest  any other key: back');
  }

  #choose(byte: number): void {
    this.#inMenu = false;
    switch (String.fromCharCode(byte)) {
      case 'd':
        this.close();
        this.#actions.say('detached; end it with ftvm stop');
        return;
      case 'f':
        if (!this.#actions.handOver()) this.#actions.say('no: this replica has no backup in sync');
        return;
      case 's':
        this.#actions.say(this.#actions.status());
        return;
      case 'h':
        return this.#actions.press({ kind: 'pausePressed' });
      case 'c':
        return this.#actions.press({ kind: 'resumePressed' });
      case 'r':
        return this.#actions.press({ kind: 'resetPressed' });
      case 'b':
        return this.#actions.press({ kind: 'powerButtonPressed' });
      case 'p':
        return this.#actions.press({ kind: 'powerPressed' });
      case 'q':
        this.#actions.leave();
        return;
      case String.fromCharCode(menuKey):
        this.#send(Uint8Array.of(menuKey));
        return;
      default:
        return;
    }
  }
}

/** Ctrl-], as telnet and virsh have it. */
const menuKey = 0x1d;
