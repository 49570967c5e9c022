import type { GuestEvent } from '../guest/guest-event.js';
import type { Clock } from '../host/clock.js';
import { ConsoleInput } from './console-input.js';
import { KeyboardInput } from './keyboard-input.js';

/** What is typed at the console, on its way to the guest. */
export interface TypedInput {
  push(bytes: Uint8Array): void;
  stop(): void;
}

/** At a PC's screen one types on its keyboard, elsewhere on the serial line. */
export function typedInputOf(
  console: 'screen' | undefined,
  clock: Clock,
  enter: (event: GuestEvent) => void,
): TypedInput {
  if (console === undefined) {
    return new ConsoleInput(clock, (bytes) => enter({ kind: 'consoleInput', bytes }));
  }
  return new KeyboardInput(clock, (scancodes) => enter({ kind: 'keysPressed', scancodes }));
}
