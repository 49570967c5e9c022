import { expect, it } from 'vitest';
import { DivergenceLog } from '../../src/hypervisor/divergence-log.js';

it('tells the last divergence and counts all', () => {
  const log = new DivergenceLog();
  expect(log.last).toBeNull();
  log.add({ replica: 'b1', epoch: 7, what: 'eax' }, 0);
  log.add({ replica: 'b1', epoch: 9, what: 'memory' }, 1000);
  expect(log.last).toEqual({
    replica: 'b1',
    epoch: 9,
    what: 'memory',
    at: '1970-01-01T00:00:01.000Z',
    count: 2,
    agreeing: 1,
  });
});

it('counts the backups that agree with each other and not with the primary', () => {
  const log = new DivergenceLog();
  log.add({ replica: 'b1', epoch: 7, what: 'memory: 0x1 here, 0x2 there' }, 0);
  log.add({ replica: 'b2', epoch: 7, what: 'memory: 0x1 here, 0x2 there' }, 0);
  expect(log.last?.agreeing).toBe(2);
  // Another value, or another epoch: they are wrong each in its own way.
  log.add({ replica: 'b3', epoch: 7, what: 'memory: 0x3 here, 0x2 there' }, 0);
  expect(log.last?.agreeing).toBe(1);
  log.add({ replica: 'b2', epoch: 8, what: 'memory: 0x3 here, 0x2 there' }, 0);
  expect(log.last?.agreeing).toBe(1);
});
