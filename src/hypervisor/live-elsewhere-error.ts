import type { GenerationRecord } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';

/** Another replica is live, or may be: this one stays out of its way (FT paper §2.3). */
export class LiveElsewhereError extends FtvmError {
  readonly code = 'FTVM_LIVE_ELSEWHERE';
  readonly remedy: string;
  readonly holder: GenerationRecord;

  constructor(holder: GenerationRecord, found: 'live' | 'silent' | 'lostClaim') {
    const { pid, host, endpoint } = holder.holder;
    const who = `process ${pid} on ${host} (${endpoint})`;
    const since = `generation ${holder.generation}, since ${holder.claimedAt}`;
    super(
      found === 'silent'
        ? `The VM may still be live: ${who} holds ${since} and neither answers nor refuses`
        : `The VM is live already: ${who} holds ${since}`,
    );
    this.holder = holder;
    this.remedy =
      found === 'silent'
        ? `If that process is stopped, continue or end it. If its host is dead for certain, start with --holder-is-dead.`
        : `Run a backup instead: ftvm run --backup. To end the VM: ftvm stop.`;
  }
}
