import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from 'vitest';

/** Each folder, and the folders it knows; src/*.ts is known to all. docs/architecture.md draws this. */
const arrows: Record<string, readonly string[]> = {
  guest: [],
  host: ['arbiter'],
  log: ['guest'],
  journal: ['guest', 'host', 'arbiter', 'log'],
  channel: ['guest', 'log', 'arbiter'],
  role: ['guest', 'log', 'channel', 'disk', 'arbiter', 'vcpu'],
  disk: ['guest', 'host', 'log'],
  network: ['guest', 'host'],
  arbiter: ['guest'],
  vcpu: ['guest', 'log'],
  replay: ['guest', 'log', 'vcpu'],
  node: ['host', 'guest', 'disk', 'channel', 'arbiter', 'network'],
  bench: ['node', 'hypervisor'],
  chaos: ['node', 'hypervisor', 'arbiter', 'sim'],
  sim: [
    'guest',
    'log',
    'journal',
    'channel',
    'role',
    'disk',
    'arbiter',
    'vcpu',
    'host',
    'hypervisor',
  ],
  hypervisor: [
    'guest',
    'log',
    'journal',
    'replay',
    'channel',
    'role',
    'disk',
    'arbiter',
    'vcpu',
    'host',
    'network',
  ],
};
const everything = Object.keys(arrows);

/** Packages and built-ins that only the named files or folders may import. */
const adapters: Record<string, RegExp> = {
  // The bench runs plain v86 beside ours, with its own loop: that is what it compares with.
  v86: /^(vcpu\/v86-machine|bench\/plain-guest)\.ts$/,
  ws: /^node\/ws-/,
  pino: /^node\/pino-/,
  commander: /^cli\//,
  'node:fs': /^(node|cli|vcpu|bench|chaos)\//,
};

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'));
const folderOf = (path: string): string => (path.includes('/') ? path.replace(/\/.*/, '') : '');
const importsOf = (file: string): string[] =>
  [...readFileSync(`src/${file}`, 'utf8').matchAll(/ from '([^']+)'|^import '([^']+)'/gm)].map(
    ([, named, bare]) => named ?? bare ?? '',
  );

it('every import follows an arrow', () => {
  const strays = sources.flatMap((file) => {
    const known = ['', folderOf(file), ...(arrows[folderOf(file)] ?? everything)];
    return importsOf(file)
      .filter((target) => target.startsWith('.'))
      .map((target) => posix.join(posix.dirname(file), target))
      .filter((target) => !known.includes(folderOf(target)))
      .map((target) => `${file} → ${target}`);
  });
  expect(strays).toEqual([]);
});

it('each package is imported by its adapter only', () => {
  const strays = sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const owner = adapters[target.replace(/^(node:fs)\/.*/, '$1')];
        return owner !== undefined && !owner.test(file);
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(strays).toEqual([]);
});
