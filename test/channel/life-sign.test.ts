import { expect, it } from 'vitest';
import { heartbeatOf, lastWillOf, parseLifeSign } from '../../src/channel/life-sign.js';
import { bytesOf } from '../role/settings.js';

it('tells a heartbeat from a last will', () => {
  expect(parseLifeSign(heartbeatOf('b1'))).toEqual({ kind: 'heartbeat', from: 'b1' });
  expect(parseLifeSign(bytesOf(lastWillOf('b1', 'sesame')))).toEqual({
    kind: 'lastWill',
    of: 'b1',
    word: 'sesame',
  });
});

it.each(['', 'died', 'died b1', 'died b1 sesame and more', 'Died b1 sesame', 'x'.repeat(5000)])(
  'takes anything else for a heartbeat of somebody: %.30s',
  (text) => {
    expect(parseLifeSign(bytesOf(text)).kind).toBe('heartbeat');
  },
);
