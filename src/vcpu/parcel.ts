import { eventBytes, type GuestEvent } from '../guest/guest-event.js';
import { outputBytes, type GuestOutput } from '../guest/guest-output.js';
import type { LogRecord } from '../log/log-record.js';

/**
 * Byte arrays on their way to another thread, side by side in one buffer that changes hands: a thread
 * that is sent a view gets a copy of the whole buffer behind it, and a buffer each costs more than
 * the bytes of a frame.
 *
 * Shape:  the `pack…` functions copy the bytes of what they are given into a buffer that `transfer`
 *         names; what they return holds views of it.
 */
export class Parcel {
  readonly #bytes: Uint8Array;
  #used = 0;

  private constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
  }

  static packEvents(events: readonly GuestEvent[]): Packed<GuestEvent[]> {
    const parcel = new Parcel(sum(events, eventBytes));
    const packed = events.map((event) => parcel.#event(event));
    return { packed, transfer: parcel.#transfer };
  }

  static packRecords(records: readonly LogRecord[]): Packed<LogRecord[]> {
    const parcel = new Parcel(sum(records, ({ events }) => sum(events, eventBytes)));
    const packed = records.map((record) => ({
      ...record,
      events: record.events.map((event) => parcel.#event(event)),
    }));
    return { packed, transfer: parcel.#transfer };
  }

  static packOutputs(lists: readonly (readonly GuestOutput[])[]): Packed<GuestOutput[][]> {
    const parcel = new Parcel(sum(lists, (outputs) => sum(outputs, outputBytes)));
    const packed = lists.map((outputs) => outputs.map((output) => parcel.#output(output)));
    return { packed, transfer: parcel.#transfer };
  }

  get #transfer(): ArrayBuffer[] {
    return this.#bytes.byteLength > 0 ? [this.#bytes.buffer as ArrayBuffer] : [];
  }

  #put(bytes: Uint8Array): Uint8Array {
    const from = this.#used;
    this.#used += bytes.byteLength;
    this.#bytes.set(bytes, from);
    return this.#bytes.subarray(from, this.#used);
  }

  #event(event: GuestEvent): GuestEvent {
    switch (event.kind) {
      case 'consoleInput':
        return { ...event, bytes: this.#put(event.bytes) };
      case 'keysPressed':
        return { ...event, scancodes: this.#put(event.scancodes) };
      case 'frameReceived':
        return { ...event, frame: this.#put(event.frame) };
      case 'diskCompleted': {
        const { result } = event;
        if (result.kind !== 'read') return event;
        return { ...event, result: { kind: 'read', data: this.#put(result.data) } };
      }
      case 'clockSet':
      case 'powerPressed':
      case 'resetPressed':
      case 'powerButtonPressed':
      case 'pausePressed':
      case 'resumePressed':
        return event;
    }
  }

  #output(output: GuestOutput): GuestOutput {
    switch (output.kind) {
      case 'consoleBytes':
        return { ...output, bytes: this.#put(output.bytes) };
      case 'frameSent':
        return { ...output, frame: this.#put(output.frame) };
      case 'diskWrite':
        return { ...output, data: this.#put(output.data) };
      case 'diskRead':
      case 'reboot':
      case 'powerOff':
        return output;
    }
  }
}

/** Give `transfer` to `postMessage`, along with what holds `packed`. */
export interface Packed<Contents> {
  readonly packed: Contents;
  readonly transfer: ArrayBuffer[];
}

function sum<Item>(items: readonly Item[], bytesOf: (item: Item) => number): number {
  let bytes = 0;
  for (const item of items) bytes += bytesOf(item);
  return bytes;
}
