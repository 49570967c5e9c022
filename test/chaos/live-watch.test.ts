import { expect, it } from 'vitest';
import { LiveWatch, type Sighting } from '../../src/chaos/live-watch.js';

const seen = (replica: string, generation: number, atMs: number): Sighting => ({
  name: `process of ${replica}`,
  replica,
  generation,
  askedAtMs: atMs,
  answeredAtMs: atMs + 1,
});

function violationsOf(...sightings: Sighting[]): string[] {
  const watch = new LiveWatch();
  for (const sighting of sightings) watch.note(sighting);
  return watch.takeViolations();
}

it('one after the other is no violation, nor is news of before', () => {
  expect(violationsOf(seen('a', 1, 0), seen('a', 2, 10), seen('b', 3, 20))).toEqual([]);
  // Asked before the other was live, heard after.
  expect(violationsOf(seen('b', 3, 20), seen('a', 2, 19.5))).toEqual([]);
});

it('two that can speak are noticed', () => {
  expect(violationsOf(seen('b', 3, 20), seen('a', 2, 50))).toEqual([
    'process of a says it is live in generation 2, asked 29 ms after process of b was in 3',
  ]);
  expect(violationsOf(seen('b', 3, 20), seen('a', 3, 20))).toEqual([
    'process of a is live in generation 3, and so was b',
  ]);
});
