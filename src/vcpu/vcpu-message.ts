import type { GuestEvent } from '../guest/guest-event.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { LogRecord } from '../log/log-record.js';
import type { BootFiles } from './boot-files.js';
import type { VcpuEvent } from './vcpu.js';

/** What the vCPU's thread is started with, to build the machine from. */
export interface VcpuStart {
  readonly spec: MachineSpec;
  /** Null: the thread reads the paths of `spec.boot` itself. */
  readonly bootFiles: BootFiles | null;
  readonly doorbell: SharedArrayBuffer;
  /** v86 as another thread of this process compiled it; null: there was none. */
  readonly engine: WebAssembly.Module | null;
}

/** The first message after that, rung for as a command is: where the machine begins. */
export interface VcpuBegin {
  /** Null: at power-on. */
  readonly snapshot: Snapshot | null;
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
  /** Powered off; it waits for `VcpuBegin`. */
  | { readonly kind: 'built'; readonly engine: WebAssembly.Module }
  /** The machine stands where it begins. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'events'; readonly events: readonly ReportedEvent[] }
  /** A bug, not a fact about the guest; nothing follows. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A record names its events by the order in which they were injected: the other side has them. */
export type ReportedEvent =
  | Exclude<VcpuEvent, { readonly kind: 'recorded' }>
  | { readonly kind: 'recorded'; readonly record: ReportedRecord };
export type ReportedRecord = Omit<LogRecord, 'events'> & { readonly injected: readonly number[] };
