import type { GenerationRecord } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import type { LiveFound } from './find-live.js';

/** Another replica is live, or may be: this one stays out of its way (FT paper §2.3). */
export class LiveElsewhereError extends FtvmError {
  readonly code = 'FTVM_LIVE_ELSEWHERE';
  readonly remedy: string;
  readonly holder: GenerationRecord;

  /** `found`: which replicas are live, or may be; without, the claim says enough. */
  constructor(holder: GenerationRecord, found?: Exclude<LiveFound, { kind: 'gone' }>) {
    const isSilent = found?.kind === 'silent';
    const replicas = isSilent ? found.replicas : [found?.replica ?? holder.holder];
    const who = replicas.map(
      ({ pid, host, endpoint }) => `process ${pid} on ${host} (${endpoint})`,
    );
    const does = replicas.includes(holder.holder) ? 'holds' : 'hands over';
    const what = `${who.join(', or ')} ${does} generation ${holder.generation}, since ${holder.claimedAt}`;
    super(
      isSilent
        ? `The VM may still be live: ${what} and neither answers nor refuses`
        : `The VM is live already: ${what}`,
    );
    this.holder = holder;
    this.remedy = isSilent
      ? `If that process is stopped, continue or end it. If its host is dead for certain, start with --holder-is-dead.`
      : `Run a backup instead: ftvm run --backup. To end the VM: ftvm stop.`;
  }
}
