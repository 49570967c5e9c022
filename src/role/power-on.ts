import type { Snapshot } from '../guest/snapshot.js';
import { noPast } from '../log/log-history.js';
import type { Generation } from '../units.js';
import { defaultRedundancy, type Redundancy } from './redundancy.js';
import type { PrimaryStart } from './role-effect.js';

/** What a primary starts from at power-on: nothing, but for `snapshot` where the machine does not boot. */
export function powerOnStart(
  generation: Generation,
  wished: Partial<Redundancy>,
  snapshot: Snapshot | null,
): PrimaryStart {
  return {
    generation,
    redundancy: { ...defaultRedundancy, ...wished },
    lastEpoch: snapshot?.epoch ?? 0,
    consoleOffset: 0,
    lastRequestId: 0,
    pendingDisk: [],
    startedDisk: [],
    finishedDisk: [],
    unreleasedFrames: [],
    guestEnd: null,
    isPaused: false,
    past: noPast(generation),
  };
}
