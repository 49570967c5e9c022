import { expect, it } from 'vitest';
import { DrivenPrimary } from './driven-primary.js';
import { consoleOf } from './settings.js';

const isReleasing = ({ role, nowMs }: DrivenPrimary): boolean => role.status(nowMs).releasing;

// Of a failure timeout of 500 ms.
const muteMs = 150;

it('a primary does not say it releases while the backup it waits for is not heard', () => {
  const primary = new DrivenPrimary();
  primary.joinInSync(1);
  primary.pass(muteMs);
  expect(isReleasing(primary)).toBe(true);
  primary.pass(5);
  expect(isReleasing(primary)).toBe(false);
  // Long before it is given up, which is when it may itself give up this primary.
  expect(primary.stateOf(1)).toBe('inSync');
  primary.pass(5, [1]);
  expect(isReleasing(primary)).toBe(true);
});

it('nor while a record has no ack, though the backup is heard', () => {
  const primary = new DrivenPrimary();
  primary.joinInSync(1);
  primary.run(consoleOf('a'));
  primary.pass(muteMs + 10, [1]);
  expect(isReleasing(primary)).toBe(false);
  primary.ack(1);
  expect(isReleasing(primary)).toBe(true);
});

it('a backup that nobody waits for yet keeps nothing back', () => {
  const primary = new DrivenPrimary();
  primary.hello(1);
  primary.pass(muteMs + 10);
  expect(isReleasing(primary)).toBe(true);
});
