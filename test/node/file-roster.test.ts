import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileRoster } from '../../src/node/file-roster.js';
import { identityOf } from '../role/settings.js';
import { scratchDir } from './scratch.js';

const [b, c] = [identityOf('b'), identityOf('c')];

it('tells who was in sync last, in the generation it was written for and in no other', async () => {
  const dir = scratchDir();
  const roster = new FileRoster(dir);
  expect(await roster.read(3)).toEqual([]);
  await Promise.all([roster.write(3, [b]), roster.write(3, [b, c])]);
  expect(await new FileRoster(dir).read(3)).toEqual([b, c]);
  expect(await roster.read(4)).toEqual([]);
  await roster.write(4, []);
  expect(await roster.read(3)).toEqual([]);
  expect(readdirSync(dir)).toEqual(['roster.json']);
});

it('knows nobody where the note is damaged, and minds no directory that is away', async () => {
  const dir = scratchDir();
  writeFileSync(join(dir, 'roster.json'), '{"generation": 3, "inSync": [{"replica": 7}]}');
  expect(await new FileRoster(dir).read(3)).toEqual([]);
  const away = new FileRoster(join(dir, 'away'));
  await away.write(1, [b]);
  expect(await away.read(1)).toEqual([]);
});
