import { expect, it } from 'vitest';
import { encodeJournalHead } from '../../src/journal/journal-format.js';
import { readSnapshotFile } from '../../src/journal/snapshot-file.js';
import { LogCorruptError } from '../../src/log/log-corrupt-error.js';
import { snapshotOf } from '../role/settings.js';
import { sampleSpec } from '../fuzz/files.js';
import { MemoryFiles } from './memory-files.js';

it('claims no memory for a state that the file cannot have', async () => {
  const { state, ...snapshot } = snapshotOf(9);
  expect(state.byteLength).toBeLessThan(2 ** 40);
  const files = new MemoryFiles();
  const file = await files.create('snapshot');
  await file.append(
    encodeJournalHead({
      spec: sampleSpec,
      build: {},
      createdAtMs: 0,
      vm: 'vm',
      owners: ['a'],
      memberOf: [],
      snapshot,
      stateBytes: 2 ** 40,
    }),
  );
  await expect(readSnapshotFile(files, 'snapshot')).rejects.toThrow(LogCorruptError);
});
