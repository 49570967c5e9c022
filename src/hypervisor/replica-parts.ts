import type { Drive } from '../disk/drive.js';
import type { WarmStart } from '../guest/warm-start.js';
import type { Clock } from '../host/clock.js';
import type { Datagrams } from '../host/datagrams.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { Digest } from '../host/digest.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { HolderProbe } from '../host/holder-probe.js';
import type { LastWill } from '../host/last-will.js';
import type { LinkConnector } from '../host/link.js';
import type { Roster } from '../host/roster.js';
import type { Journal } from '../journal/journal.js';
import type { LogRecord } from '../log/log-record.js';
import type { RoleEnd, RoleReport } from '../role/role-effect.js';
import type { VcpuEvent, VcpuFactory } from '../vcpu/vcpu.js';

/** The world of one replica. */
export interface ReplicaParts {
  readonly clock: Clock;
  /** Where the operator sits (`MachineSpec.console`). */
  readonly console?: 'screen' | undefined;
  readonly diagnostics: Diagnostics;
  readonly connector: LinkConnector;
  readonly datagrams: Datagrams;
  /** Absent where nothing outlives a process that is killed. */
  readonly lastWill?: LastWill;
  readonly generations: GenerationStore;
  readonly probe: HolderProbe;
  readonly roster: Roster;
  readonly createVcpu: VcpuFactory;
  /** Somebody will need a vCPU soon: what can be built of it before its state is here, is. */
  readonly prepareVcpu?: () => void;
  /** What a first start can begin with instead of a boot. Never rejects. */
  readonly warmStart?: () => Promise<WarmStart | null>;
  /** By drive name, for this replica alone. Shared ones only the live replica writes (§4.1). */
  readonly drives: ReadonlyMap<string, Drive>;
  readonly digest: Digest;
  /** Where this process keeps the log; the same for all of its replicas. */
  readonly journal?: Journal;
  readonly onReport: (report: RoleReport) => void;
  /** Every record a live vCPU made or a replaying one was given, for a log file. */
  readonly onRecord?: (record: LogRecord) => void;
  readonly onVcpuEvent?: (event: VcpuEvent) => void;
  readonly onFrame?: (frame: Uint8Array) => void;
}

/** How a replica is over; a `failed` one is a bug and carries it. */
export type ReplicaEnd = RoleEnd | { readonly kind: 'failed'; readonly error: Error };
