import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeGeneration } from '../../src/arbiter/generation-codec.js';
import type { ClaimReason, ReplicaIdentity } from '../../src/arbiter/generation-record.js';
import { GenerationAudit } from '../../src/chaos/generation-audit.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ftvm-audit-'));
});
afterEach(() => rm(dir, { recursive: true }));

const pathOf = (generation: number): string => join(dir, `generation-${generation}.json`);
const identityOf = (replica: string): ReplicaIdentity => {
  return { replica, pid: 1, host: 'here', endpoint: 'ws://a:1', api: 'http://a:1' };
};
async function claim(
  generation: number,
  replica: string,
  reason: ClaimReason,
  by?: string,
): Promise<void> {
  const holder = identityOf(replica);
  const ahead = by === undefined ? {} : { handedOverBy: identityOf(by) };
  const record = { generation, vm: 'v', holder, inSync: [], reason, claimedAt: 'now', ...ahead };
  await writeFile(pathOf(generation), encodeGeneration(record));
}

it('a proper succession passes, and its takeovers are counted', async () => {
  const audit = new GenerationAudit();
  await claim(1, 'a', 'start');
  await claim(2, 'a', 'backupLost');
  await claim(3, 'b', 'takeover');
  expect(await audit.check(dir, new Map([[3, 'b']]))).toEqual([]);
  expect(audit.takeovers).toBe(1);
});

it.each([
  ['the heir went live', 'b', 'handedOver', 1],
  ['the heir lost its primary', 'b', 'takeover', 1],
  ['the primary lost its heir', 'a', 'backupLost', 0],
] as const)('what follows a claim ahead is proper when %s', async (_, who, reason, takeovers) => {
  const audit = new GenerationAudit();
  await claim(1, 'a', 'start');
  await claim(2, 'b', 'handOver', 'a');
  await claim(3, who, reason);
  expect(await audit.check(dir, new Map())).toEqual([]);
  expect(audit.takeovers).toBe(takeovers);
});

it('a generation that changes, vanishes, or was never written is told', async () => {
  const audit = new GenerationAudit();
  await claim(1, 'a', 'start');
  await claim(2, 'b', 'takeover');
  await audit.check(dir, new Map());
  await claim(2, 'c', 'takeover');
  expect(await audit.check(dir, new Map())).toEqual(['generation-2.json has changed']);
  await unlink(pathOf(1));
  await claim(4, 'd', 'takeover');
  const wrong = await audit.check(dir, new Map());
  expect(wrong).toContain('generation-1.json is gone');
  expect(wrong).toContain('generation 3 is missing');
});

it('somebody live in a generation of somebody else is told', async () => {
  const audit = new GenerationAudit();
  await claim(1, 'a', 'start');
  expect(await audit.check(dir, new Map([[1, 'b']]))).toEqual([
    "b was live in generation 1, which is a's",
  ]);
});

it('a primary that takes over from itself, or goes on as another, is told', async () => {
  const audit = new GenerationAudit();
  await claim(1, 'a', 'start');
  await claim(2, 'b', 'backupLost');
  await claim(3, 'b', 'takeover');
  expect(await audit.check(dir, new Map())).toHaveLength(2);
});
