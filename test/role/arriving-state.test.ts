import { expect, it } from 'vitest';
import { DrivenBackup } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import { snapshotOf } from './settings.js';

const mebibyte = 1024 * 1024;

function receiving(): DrivenBackup {
  const backup = new DrivenBackup();
  backup.open();
  backup.welcome();
  const { state, ...header } = snapshotOf(10, 8 * mebibyte);
  backup.say({ kind: 'stateBegin', header, stateBytes: state.byteLength });
  backup.say({ kind: 'statePages', offset: mebibyte, data: new Uint8Array(mebibyte) });
  return backup;
}

it('tells how far it has got, zeros that are not sent included', () => {
  const backup = receiving();
  const halfway = { doneBytes: 2 * mebibyte, totalBytes: 8 * mebibyte };
  expect(backup.role.status().stateProgress).toEqual(halfway);
  backup.say({ kind: 'stateEnd' });
  expect(backup.role.status().stateProgress).toBeNull();
});

it('says so once a second, and no more when it is complete', () => {
  const backup = receiving();
  const said = (): number =>
    backup.effects.filter(
      (effect) => effect.kind === 'report' && effect.report.kind === 'stateArriving',
    ).length;
  backup.pass(900, 'both');
  expect(said()).toBe(0);
  backup.pass(1300, 'both');
  expect(said()).toBe(2);
  backup.say({ kind: 'stateEnd' });
  backup.pass(1500, 'both');
  expect(said()).toBe(2);
});

it('shows at its primary until all of it is on its way, with the pause of the guest', () => {
  const primary = new DrivenPrimary();
  const row = () => primary.role.status(primary.nowMs).backups[0];
  primary.hello(1);
  expect(row()?.stateProgress).toBeNull();
  const effects = primary.cut(9 * mebibyte);
  expect(row()?.state).toBe('receivingState');
  // What fits the window.
  expect(row()?.stateProgress).toEqual({ doneBytes: 4 * mebibyte, totalBytes: 9 * mebibyte });
  expect(effects).toContainEqual({
    kind: 'report',
    report: { kind: 'stateCut', pauseMs: 5, stateBytes: 9 * mebibyte },
  });
  primary.say(1, { kind: 'stateAck', receivedBytes: 4 * mebibyte });
  primary.say(1, { kind: 'stateAck', receivedBytes: 8 * mebibyte });
  expect(row()).toMatchObject({ state: 'catchingUp', stateProgress: null });
});
