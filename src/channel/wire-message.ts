import type { GuestEnd } from '../guest/guest-end.js';
import type { DriveName } from '../guest/disk-request.js';
import type { Lineage, Stand } from '../log/log-history.js';
import type { LogRecord } from '../log/log-record.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { ConsoleOffset, Epoch, Generation } from '../units.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Seat } from '../arbiter/seat.js';

/** The version of everything in this file; a peer with another one is refused by name. */
export const PROTOCOL_VERSION = 2;
/** The WebSocket subprotocol, which carries the same number. */
export const LOG_SUBPROTOCOL = `ftvm-log.v${PROTOCOL_VERSION}`;

/**
 * What primary and backup say on the logging channel (FT paper §3.2).
 *
 * ```
 * backup                                    primary
 *   hello ────────────────────────────────▶   who I am, what machine I can run
 *   ◀──────────────────────── welcome / refusal
 *   ◀──────── stateBegin, statePages…, stateEnd   the machine at the cut, unless it has one
 *   stateAck… ────────────────────────────▶   (window of the transfer)
 *   ◀──────────────────────────────── records…   from the cut on, without end
 *   ack… ─────────────────────────────────▶   on receipt; and how far I have run
 *   diskAsk… ─────────────────────────────▶   replicated disks: is yours as mine?
 *   ◀────────────────────────── diskAnswer…
 *   diskSynced ───────────────────────────▶   what my guest reads I read myself
 *   ◀──────────────────────────────── inSync   you may go live from here
 *   ◀────────────────────────────── handOver   claim ahead: I am about to leave
 *   ready ────────────────────────────────▶   I go live at your goodbye
 *   ◀──────────────────────────────── goodbye   the guest is off; nobody goes live
 * ```
 */
export type WireMessage =
  | Hello
  | Welcome
  | Refusal
  | StateBegin
  | StatePages
  | StateEnd
  | StateAck
  | Records
  | Ack
  | InSync
  | DiskAsk
  | DiskAnswer
  | DiskSynced
  | Diverged
  | KeepAlive
  | HandOver
  | Ready
  | Goodbye;

export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly vm: string;
  readonly identity: ReplicaIdentity;
  /** `host:port` for heartbeats. */
  readonly heartbeatTo: string;
  /** What the peer's last will has to say to it. */
  readonly willWord: string;
  readonly build: BuildInfo;
  /** `fingerprintFields` of the machine the backup would run. */
  readonly machine: Readonly<Record<string, string>>;
  /** It keeps the log on a disk of its own: its acks say how far. */
  readonly keepsJournal: boolean;
  /** It has the machine already, and needs records only; null: it needs the state. */
  readonly stand: Stand | null;
}
/** The programs that must agree for a replay to be exact, and those worth naming in a report. */
export interface BuildInfo {
  readonly ftvm: string;
  readonly logVersion: number;
  readonly v86: string;
  /** SHA-256 of v86.wasm: the CPU itself. */
  readonly v86Wasm: string;
  readonly node: string;
  readonly architecture: string;
}
export interface Welcome {
  readonly kind: 'welcome';
  readonly identity: ReplicaIdentity;
  readonly generation: Generation;
  readonly heartbeatTo: string;
  readonly willWord: string;
  /** Whose the log is that follows. */
  readonly lineage: Lineage;
  /** What the VM is to be when this backup is live. */
  readonly redundancy: { readonly backups: number; readonly commit: 'all' | 'quorum' };
  /** Names this join: what a generation with a quorum calls its member. */
  readonly seat: Seat;
}
/** No, and why; the peer reports it as its own error. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly code: string;
  readonly why: string;
  readonly remedy: string;
}
export interface StateBegin {
  readonly kind: 'stateBegin';
  /** The snapshot without `state`, whose bytes follow in pages. */
  readonly header: Omit<Snapshot, 'state'>;
  readonly stateBytes: number;
}
/** A stretch of the state. What no message covers is zero. */
export interface StatePages {
  readonly kind: 'statePages';
  readonly offset: number;
  readonly data: Uint8Array;
}
export interface StateEnd {
  readonly kind: 'stateEnd';
}
export interface StateAck {
  readonly kind: 'stateAck';
  readonly receivedBytes: number;
}
export interface Records {
  readonly kind: 'records';
  readonly records: readonly LogRecord[];
  /** Output of epochs up to this one has left the primary. */
  readonly released: Epoch;
  /** Console bytes before this offset have left the primary. */
  readonly consoleReleased: ConsoleOffset;
  /** An output may wait for the ack; else it can wait until they have run. */
  readonly isAwaited: boolean;
}
/** Sent on receipt, not on execution (§3.2), and again when the vCPU has got further. */
export interface Ack {
  readonly kind: 'ack';
  readonly received: Epoch;
  readonly ran: Epoch;
  /** Records up to here would survive a power cut of the backup; null if it keeps no journal. */
  readonly durable: Epoch | null;
}
/** From here on the primary waits for your acks: in `generation` you may claim the next one. */
export interface InSync {
  readonly kind: 'inSync';
  readonly generation: Generation;
}
/** Is this stretch of your disk as mine? (disk/disk-resync.ts; §4.1) */
export interface DiskAsk {
  readonly kind: 'diskAsk';
  readonly drive: DriveName;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** SHA-256 of mine. */
  readonly digest: Uint8Array;
  /** My guest has run so far; yours must have, before you look. */
  readonly ran: Epoch;
}
/** The primary's bytes; none if they are the same. */
export interface DiskAnswer {
  readonly kind: 'diskAnswer';
  readonly drive: DriveName;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}
/** The backup's disk is the primary's: it needs no data of reads any more (§4.1, §4.2). */
export interface DiskSynced {
  readonly kind: 'diskSynced';
}
/** The backup found that it is no replica any more. */
export interface Diverged {
  readonly kind: 'diverged';
  readonly epoch: Epoch;
  readonly difference: string;
}
/** A halted guest makes no records; the channel is still alive. */
export interface KeepAlive {
  readonly kind: 'keepAlive';
}
/** Claim the next generation now, while my guest runs on: I leave when you are `ready`. */
export interface HandOver {
  readonly kind: 'handOver';
}
/** That generation is mine; your goodbye is all I wait for. */
export interface Ready {
  readonly kind: 'ready';
}
export interface Goodbye {
  readonly kind: 'goodbye';
  readonly end: GuestEnd | { readonly kind: 'leaving' };
}
