import type { GuestEvent } from '../guest/guest-event.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { LogRecord } from '../log/log-record.js';
import type { BootFiles } from './boot-files.js';
import type { VcpuEvent } from './vcpu.js';

/** What the vCPU's thread is started with. */
export interface VcpuStart {
  readonly spec: MachineSpec;
  /** Null: the thread reads the paths of `spec.boot` itself. */
  readonly bootFiles: BootFiles | null;
  readonly snapshot: Snapshot | null;
  readonly doorbell: SharedArrayBuffer;
  /** Cuts are told while it replays, too. */
  readonly tellsCuts: boolean;
}

/** From the host's thread; each is followed by a ring of the doorbell. See `Vcpu` for what they do. */
export type VcpuCommand =
  | { readonly kind: 'replay'; readonly records: readonly LogRecord[] }
  | { readonly kind: 'goLive' }
  | { readonly kind: 'inject'; readonly events: readonly GuestEvent[] }
  | { readonly kind: 'cut' }
  | { readonly kind: 'setSharePercent'; readonly percent: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'flipBit'; readonly addressBytes: number; readonly bit: number };

/** To the host's thread. */
export type VcpuReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'events'; readonly events: readonly ReportedEvent[] }
  /** A bug, not a fact about the guest; nothing follows. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A record names its events by the order in which they were injected: the other side has them. */
export type ReportedEvent =
  | Exclude<VcpuEvent, { readonly kind: 'recorded' }>
  | { readonly kind: 'recorded'; readonly record: ReportedRecord };
export type ReportedRecord = Omit<LogRecord, 'events'> & { readonly injected: readonly number[] };
