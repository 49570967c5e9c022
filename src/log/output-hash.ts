import type { GuestOutput } from '../guest/guest-output.js';
import { crc32 } from './crc32.js';

/** How much a guest has put out, and a checksum of it: equal for two runs that did the same. */
export interface OutputSums {
  readonly consoleBytes: number;
  readonly consoleHash: number;
  /** All kinds of output, console included. */
  readonly outputs: number;
  readonly outputHash: number;
}

// Appended only: the place is what is hashed.
const kinds: readonly GuestOutput['kind'][] = [
  'consoleBytes',
  'frameSent',
  'diskRead',
  'diskWrite',
  'powerOff',
  'reboot',
];

/**
 * Sums up a guest's output as it comes, in its order and cut into outputs as the guest's epochs cut it.
 */
export class OutputHash {
  #consoleBytes = 0;
  #consoleHash = 0;
  #outputs = 0;
  #outputHash = 0;

  add(output: GuestOutput): void {
    this.#outputs += 1;
    this.#outputHash = crc32(headOf(output), this.#outputHash);
    switch (output.kind) {
      case 'consoleBytes':
        this.#consoleBytes += output.bytes.byteLength;
        this.#consoleHash = crc32(output.bytes, this.#consoleHash);
        this.#outputHash = crc32(output.bytes, this.#outputHash);
        return;
      case 'frameSent':
        this.#outputHash = crc32(output.frame, this.#outputHash);
        return;
      case 'diskWrite':
        this.#outputHash = crc32(output.data, this.#outputHash);
        return;
      case 'diskRead':
      case 'powerOff':
      case 'reboot':
        return;
    }
  }

  get sums(): OutputSums {
    return {
      consoleBytes: this.#consoleBytes,
      consoleHash: this.#consoleHash,
      outputs: this.#outputs,
      outputHash: this.#outputHash,
    };
  }
}

/** Kind, then what a disk request is about. */
function headOf(output: GuestOutput): Uint8Array {
  const words = [kinds.indexOf(output.kind)];
  if (output.kind === 'diskRead' || output.kind === 'diskWrite') {
    const length = output.kind === 'diskRead' ? output.lengthBytes : output.data.byteLength;
    words.push(output.id, output.offsetBytes, output.offsetBytes / 2 ** 32, length);
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}
