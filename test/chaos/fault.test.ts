import { expect, it } from 'vitest';
import { faultKinds, rollFault } from '../../src/chaos/fault.js';

it('a seed is a fault, the same each time', () => {
  for (const seed of [0, 1, 17, 4711, 2 ** 31]) expect(rollFault(seed)).toEqual(rollFault(seed));
});

it('as many seeds in a row as there are kinds leave none out', () => {
  for (const pack of [0, 18, 180]) {
    const kinds = faultKinds.map((_, i) => rollFault(pack * faultKinds.length + i).kind);
    expect([...kinds].sort()).toEqual([...faultKinds].sort());
  }
  expect(rollFault(5, ['killPrimary']).kind).toBe('killPrimary');
});
