import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take long begin first: one that begins last has the machine to itself, and all wait for it. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number =>
      longest.findIndex((name) => moduleId.includes(name));
    return sorted.toSorted((a, b) => rank(b) - rank(a));
  }
}
const longest = ['/test/sim/', '/test/vcpu/', '/test/end-to-end/', '/test/chaos/model'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real guests use a core each and their compilers another; more files at once only wait for each other.
    maxWorkers: availableParallelism() > 2 ? 3 : 2,
    sequence: { sequencer: LongestFirst },
  },
});
