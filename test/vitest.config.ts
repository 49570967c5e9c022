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

/**
 * What `npm run test:more` runs: real guests away from the way that `npm test` goes (a shared disk,
 * a kill, an open connection, a primary that comes back), the models, and what is exhaustive for
 * several backups. A change must pass both; each takes about five minutes on two cores.
 */
const more = [
  ...[
    'auto',
    'backup-reads',
    'bad-input',
    'boot-snapshot',
    'boots',
    'clock',
    'divergence',
    'doubt',
    'guest-end',
    'joining',
    'journal',
    'operations',
    'quorum',
    'record-replay',
    'replicated-disk',
    'secret',
    'shared-storage',
    'status',
    'strangers',
    'upgrade',
  ].map((name) => `test/end-to-end/${name}.test.ts`),
  'test/chaos/model.test.ts',
  'test/images/**/*.test.ts',
  'test/sim/several-cut-points.test.ts',
  'test/vcpu/warm-cut.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real guests use a core each and their compilers another; more files at once only wait for each other.
    maxWorkers: availableParallelism() > 2 ? 3 : 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/long/**', ...more],
        },
      },
      { extends: true, test: { name: 'more', include: more } },
    ],
  },
});
