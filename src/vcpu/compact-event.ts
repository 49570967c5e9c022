import type { GuestEvent } from '../guest/guest-event.js';
import type { LogRecord } from '../log/log-record.js';

/**
 * Sending a typed array to a thread sends all of the buffer behind it: a sector that is a view of a
 * disk image would take the image along. These give views a buffer of their own size.
 */
export function compactEvent(event: GuestEvent): GuestEvent {
  switch (event.kind) {
    case 'consoleInput':
      return { ...event, bytes: compact(event.bytes) };
    case 'keysPressed':
      return { ...event, scancodes: compact(event.scancodes) };
    case 'frameReceived':
      return { ...event, frame: compact(event.frame) };
    case 'diskCompleted': {
      const { result } = event;
      if (result.kind !== 'read') return event;
      return { ...event, result: { kind: 'read', data: compact(result.data) } };
    }
    case 'powerPressed':
    case 'resetPressed':
    case 'powerButtonPressed':
    case 'pausePressed':
    case 'resumePressed':
      return event;
  }
}

export function compactRecord(record: LogRecord): LogRecord {
  return record.events.length === 0
    ? record
    : { ...record, events: record.events.map(compactEvent) };
}

function compact(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}
