import { expect, it } from 'vitest';
import { StolenTime } from '../../src/bench/stolen-time.js';

const statOf = (cpu: string) => `cpu  ${cpu} 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n`;

it('is what a virtual machine was denied, of what it had work for', () => {
  //            user nice system idle iowait irq softirq steal
  let stat = statOf('100 50 20 9000 7 0 3 40');
  const stolen = new StolenTime(() => stat);
  expect(stolen.percent).toBe(0);
  stat = statOf('150 60 30 99000 77 0 13 60');
  expect(stolen.percent).toBe(20);
});

it.each([null, '', 'cpu  1 2 3\n'])('is unknown where nobody counts it: %j', (stat) => {
  expect(new StolenTime(() => stat).percent).toBeNull();
});
