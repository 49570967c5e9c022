import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { firstDifference, type StateDigest } from '../../src/guest/state-digest.js';
import type * as chainedFunction from '../../src/vcpu/chained-function.js';
import type * as hotFunctions from '../../src/vcpu/hot-functions.js';
import { prompt } from './live-guest.js';
import { loadLinuxImage } from './linux-image.js';
import { differences, factsOf, linearMemoryOf } from './machine-facts.js';
import { GuestThread } from './stepped-guest.js';

const chaining = vi.hoisted(() => ({ isOn: true, functions: 0 }));
vi.mock('../../src/vcpu/chained-function.js', async (original) => {
  const actual = await original<typeof chainedFunction>();
  return {
    ...actual,
    chained: (module: Uint8Array): Uint8Array => {
      if (!chaining.isOn) return module;
      chaining.functions += 1;
      return actual.chained(module);
    },
  };
});

const madeAnew = vi.hoisted(() => ({ functions: 0 }));
vi.mock('../../src/vcpu/hot-functions.js', async (original) => {
  const { HotFunctions } = await original<typeof hotFunctions>();
  class SoonHot extends HotFunctions {
    constructor() {
      super({ samples: 3, bytes: 10_000, quiet: 5, readyAfter: 10 });
    }
    override sample(...args: Parameters<hotFunctions.HotFunctions['sample']>) {
      const made = super.sample(...args);
      if (made) madeAnew.functions += 1;
      return made;
    }
  }
  return { HotFunctions: SoonHot };
});

const linux = loadLinuxImage();
let thread: GuestThread | null = null;
beforeEach(() => {
  chaining.isOn = true;
  chaining.functions = 0;
});
afterEach(() => {
  thread?.close();
  thread = null;
});

describe.skipIf(!linux)('a real guest (skipped where images/linux is not built)', () => {
  it('ends every epoch as one whose functions are as v86 wrote them', async () => {
    thread = await GuestThread.start(linux!.spec({}));
    const guest = await thread.guest(null, linux!.disk);
    const switchedOn = guest.cut();
    const cutAt = guest.records.length;
    const digests: StateDigest[] = [];
    const run = (): void => {
      guest.step();
      digests.push(guest.runner.lastDigest);
    };
    const prompted = (): boolean => prompt.test(guest.console.slice(-30));
    while (!prompted()) run();
    guest.type('for i in 1 2 3; do ls -l /bin | sort | md5sum; done; gzip -c /bin/busybox | wc -c');
    while (!prompted()) run();
    expect(chaining.functions).toBeGreaterThan(50);
    expect(madeAnew.functions).toBeGreaterThan(2);

    chaining.isOn = false;
    const other = await thread.guest(switchedOn, linux!.disk);
    guest.records.slice(cutAt).forEach((record, i) => {
      other.runner.runEpoch(record);
      expect(firstDifference(other.runner.lastDigest, digests[i]!)).toBeNull();
    });
    expect(differences(factsOf(other.machine), factsOf(guest.machine))).toEqual([]);
    expect(linearMemoryOf(other.machine).equals(linearMemoryOf(guest.machine))).toBe(true);
  }, 60_000);
});
