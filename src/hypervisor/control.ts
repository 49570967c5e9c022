import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Clock } from '../host/clock.js';
import type { Link, LinkHandlers } from '../host/link.js';
import { decodeConsoleGreeting, encodeConsoleOutput } from '../channel/console-codec.js';
import type { OperatorEvent } from '../guest/guest-event.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import type { RoleReport } from '../role/role-effect.js';
import { DivergenceLog } from './divergence-log.js';
import type { Hypervisor } from './hypervisor.js';
import type { NicCable } from './nic-cable.js';
import { metricsText } from './metrics.js';
import { round, statusOf, type HypervisorStatus } from './status.js';

/** What the control API answers: status, media type, body. */
export interface ControlAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The control API of one replica: status, metrics, stop, and the console. */
export class Control {
  readonly #vm: { readonly id: string; readonly name: string };
  readonly #self: ReplicaIdentity;
  readonly #clock: Clock;
  /** Of the guest's network card, if it has one. */
  cable: NicCable | null = null;
  readonly #hypervisor: () => Hypervisor | null;
  #primaryLostAtMs: number | null = null;
  #liveAtMs: number | null = null;
  #joinPauseMs: number | null = null;
  #joinMs: number | null = null;
  #digestsCompared = 0;
  readonly #divergences = new DivergenceLog();

  constructor(
    vm: { readonly id: string; readonly name: string },
    self: ReplicaIdentity,
    clock: Clock,
    hypervisor: () => Hypervisor | null,
  ) {
    this.#clock = clock;
    this.#vm = vm;
    this.#self = self;
    this.#hypervisor = hypervisor;
  }

  status(): HypervisorStatus {
    const [primaryLostAtMs, liveAtMs] = [this.#primaryLostAtMs, this.#liveAtMs];
    return statusOf(this.#vm, this.#self, this.#hypervisor()?.replica ?? null, {
      takeover:
        primaryLostAtMs !== null && liveAtMs !== null ? { primaryLostAtMs, liveAtMs } : null,
      lastJoin: { pauseMs: this.#joinPauseMs, totalMs: this.#joinMs },
      network: this.cable?.status() ?? null,
      replay: { digestsCompared: this.#digestsCompared, divergences: this.#divergences.count },
      lastDivergence: this.#divergences.last,
    });
  }

  /** Keeps the milestones that a status shows. */
  note(report: RoleReport): void {
    if (report.kind === 'primaryLost') this.#primaryLostAtMs = this.#clock.wallClockMs();
    if (report.kind === 'wentLive') this.#liveAtMs = this.#clock.wallClockMs();
    if (report.kind === 'stateCut') this.#joinPauseMs = round(report.pauseMs);
    if (report.kind === 'backupRejoining') this.#joinPauseMs = 0;
    if (report.kind === 'backupInSync') this.#joinMs = round(report.joinMs);
    if (report.kind === 'backupDiverged') {
      const { replica, epoch, difference } = report;
      this.#divergences.add({ replica, epoch, what: difference }, this.#clock.wallClockMs());
    }
  }

  /** Counts what a replay proves: each epoch that ran had the digest its record carries. */
  noteVcpu(event: VcpuEvent): void {
    if (event.kind === 'diverged') {
      const { epoch, difference: what } = event;
      const { replica } = this.#self;
      this.#divergences.add({ replica, epoch, what }, this.#clock.wallClockMs());
    }
    if (event.kind === 'ran' && !this.#hypervisor()?.replica?.isLive) this.#digestsCompared += 1;
  }

  /** Null: no such path. */
  handle(method: string, path: string): ControlAnswer | null {
    const replica = this.#hypervisor()?.replica;
    switch (`${method} ${path}`) {
      case 'GET /status':
        return json(200, this.status());
      case 'GET /metrics':
        return { status: 200, type: 'text/plain; version=0.0.4', body: metricsText(this.status()) };
      case 'GET /healthz':
        return replica?.status()
          ? { status: 200, type: 'text/plain', body: 'ok\n' }
          : { status: 503, type: 'text/plain', body: 'starting\n' };
      case 'POST /stop':
        return this.#press({ kind: 'powerPressed' });
      case 'POST /poweroff':
        return this.#press({ kind: 'powerButtonPressed' });
      case 'POST /pause':
        return this.#press({ kind: 'pausePressed' });
      case 'POST /resume':
        return this.#press({ kind: 'resumePressed' });
      case 'POST /reset':
        return this.#press({ kind: 'resetPressed' });
      case 'POST /leave':
        this.#hypervisor()?.leave();
        return json(202, { leaving: true });
      case 'POST /failover':
        return this.#hypervisor()?.handOver()
          ? json(202, { handingOver: true })
          : json(409, { error: 'this replica is not live, or has no backup in sync' });
      default:
        return null;
    }
  }

  /** What the operator does goes the way of all input: through the log, to every replica (§3.3). */
  #press(event: OperatorEvent): ControlAnswer {
    const replica = this.#hypervisor()?.replica;
    if (!replica?.isLive) return json(409, { error: 'this replica is not live' });
    replica.inject(event);
    return json(202, { accepted: event.kind });
  }

  /**
   * The console of the live replica. The reader says from which offset it wants it and then types;
   * a replica that is not live hangs up at once.
   */
  acceptConsole(link: Link): Omit<LinkHandlers, 'opened'> {
    let stop: (() => void) | null = null;
    return {
      received: (message) => {
        const replica = this.#hypervisor()?.replica;
        if (!replica?.isLive) return link.close();
        if (stop) return replica.inject({ kind: 'consoleInput', bytes: Uint8Array.from(message) });
        const from = decodeConsoleGreeting(message);
        if (from === null) return link.close();
        // Only a replica whose log was cut short is behind its reader (--output-commit off): say so.
        const { end } = replica.console;
        if (end < from) link.send(encodeConsoleOutput(new Uint8Array(0), end));
        stop = replica.console.read(Math.min(from, end), (bytes, offset) => {
          // A reader that does not read is cut off: it can come back and go on at its offset.
          if (link.bufferedBytes() > unreadBytesMax) return link.close();
          link.send(encodeConsoleOutput(bytes, offset));
        });
      },
      ended: () => stop?.(),
    };
  }
}

const unreadBytesMax = 4 * 1024 * 1024;

function json(status: number, body: unknown): ControlAnswer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
