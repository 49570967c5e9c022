import { FlowControl } from '../channel/flow-control.js';
import type { VcpuCommand } from './role-effect.js';

/** How much is kept for a guest that runs faster than what it does can leave. */
export interface Kept {
  readonly isFull: boolean;
  readonly hasRoom: boolean;
}

/**
 * How fast the vCPU of a primary may run: a share of time while a backup lags, and not at all while a
 * buffer is full (FT paper §3.2). Remembers what the vCPU was told and tells it changes only.
 */
export class VcpuPace {
  readonly #flow: FlowControl;
  #isPaused = false;

  constructor(lagMsTarget: number) {
    this.#flow = new FlowControl(lagMsTarget);
  }

  get sharePercent(): number {
    return this.#flow.sharePercent;
  }
  get isLowestShare(): boolean {
    return this.#flow.isLowest;
  }
  /** It stops, or will at its next epoch boundary. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  lagged(lagMs: number, nowMs: number): VcpuCommand[] {
    const before = this.#flow.sharePercent;
    const percent = this.#flow.adjust(lagMs, nowMs);
    return percent === before ? [] : [{ kind: 'setSharePercent', percent }];
  }

  kept({ isFull, hasRoom }: Kept): VcpuCommand[] {
    if (this.#isPaused ? !hasRoom : !isFull) return [];
    this.#isPaused = !this.#isPaused;
    return [{ kind: this.#isPaused ? 'pause' : 'resume' }];
  }
}
