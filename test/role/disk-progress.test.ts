import { expect, it } from 'vitest';
import type { RoleReport } from '../../src/role/role-effect.js';
import { DrivenBackup } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';

const half = 4096;
const progress = { doneBytes: half, totalBytes: 2 * half };
const copies = {
  ownDisk: {
    use: 'everything',
    id: 'copy',
    copies: [{ name: 'hda', bytes: 2 * half }],
    chunkBytes: half,
  },
} as const;
const digest = new Uint8Array(32).fill(9);

it('a backup tells how far its disk is compared, once a second, and no more when it is done', () => {
  const backup = DrivenBackup.replaying(copies);
  const told = (): RoleReport[] =>
    backup.effects.flatMap((effect) =>
      effect.kind === 'report' && effect.report.kind === 'diskComparing' ? [effect.report] : [],
    );
  const isSame = (offsetBytes: number): void => {
    backup.say({ kind: 'diskAnswer', drive: 'hda', offsetBytes, data: new Uint8Array(0) });
  };
  for (const { chunk } of backup.of('digestDisk')) {
    backup.step({ kind: 'diskDigested', chunk, digest });
  }
  expect(backup.role.status().diskProgress).toBeNull();
  isSame(0);
  expect(backup.role.status().diskProgress).toEqual(progress);
  backup.pass(2500, 'both');
  expect(told()).toEqual([1, 2].map(() => ({ kind: 'diskComparing', ...progress })));
  isSame(half);
  expect(backup.role.status().diskProgress).toBeNull();
  backup.pass(2500, 'both');
  expect(told()).toHaveLength(2);
});

it('its primary shows it, too', () => {
  const primary = new DrivenPrimary(copies);
  const row = () => primary.role.status(primary.nowMs).backups[0];
  primary.joinCatchingUp(1);
  expect(row()?.diskProgress).toBeNull();
  const ask = { kind: 'diskAsk', drive: 'hda', lengthBytes: half, digest, ran: 0 } as const;
  primary.say(1, { ...ask, offsetBytes: 0 });
  expect(row()?.diskProgress).toEqual(progress);
  primary.say(1, { kind: 'diskSynced' });
  expect(row()?.diskProgress).toBeNull();
});
