import { chmodSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TemplateDirectory, templateDirectoryOf } from '../../src/node/template-directory.js';
import { rejection, scratchDir } from './scratch.js';

const bytes = (value: number): Uint8Array => new Uint8Array(100).fill(value);

it('keeps what it was given, for this user alone', async () => {
  const directory = new TemplateDirectory(join(scratchDir(), 'cache', 'templates'));
  expect(await directory.read('one')).toBe(null);
  await directory.write('one', bytes(1));
  await directory.write('one', bytes(2));
  expect(new Uint8Array((await directory.read('one'))!)).toEqual(bytes(2));
  expect(readdirSync(directory.place)).toEqual(['one.template']);
  expect(statSync(join(directory.place, 'one.template')).mode & 0o077).toBe(0);
  expect(statSync(directory.place).mode & 0o077).toBe(0);
});

it('does not take a file that somebody else could have written', async () => {
  const directory = new TemplateDirectory(scratchDir());
  await directory.write('one', bytes(1));
  chmodSync(join(directory.place, 'one.template'), 0o622);
  expect(String(await rejection(directory.read('one')))).toMatch(/somebody else/);
});

it('lets go what was not used for longest, and what a dead process left', async () => {
  const directory = new TemplateDirectory(scratchDir(), 350);
  const age = (name: string, seconds: number): void => {
    const at = Date.now() / 1000 - seconds;
    utimesSync(join(directory.place, name), at, at);
  };
  for (const name of ['one', 'two', 'three']) await directory.write(name, bytes(0));
  age('one.template', 5000);
  age('two.template', 4000);
  age('three.template', 3000);
  await directory.read('one');
  writeFileSync(join(directory.place, '.x.draft'), 'half');
  age('.x.draft', 100_000);
  await directory.write('four', bytes(0));
  expect(readdirSync(directory.place).sort()).toEqual([
    'four.template',
    'one.template',
    'three.template',
  ]);
});

it('is in the cache of this user, where that is said to be', () => {
  expect(templateDirectoryOf({ XDG_CACHE_HOME: '/c' })).toBe('/c/ftvm/templates');
  expect(templateDirectoryOf({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/ftvm\/templates$/);
});
