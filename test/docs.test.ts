import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PROTOCOL_VERSION } from '../src/channel/wire-message.js';
import { LOG_VERSION } from '../src/log/log-codec.js';
import { VM_FILE_VERSION } from '../src/node/vm-file.js';

const read = (path: string): string => readFileSync(path, 'utf8');
const documents = ['docs/specification.md', 'docs/paper-map.md', 'docs/track-record.md'];

/** Every test file and directory a document names, with the names of tests that follow it. */
function* namedTests(text: string): Generator<{ path: string; names: string[] }> {
  for (const [, path, rest] of text.matchAll(/(test\/[\w./-]*\w\/?)((?:\s*"[^"|]+")*)/g)) {
    const names = [...(rest ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name ?? '');
    yield { path: path ?? '', names };
  }
}

it.each(documents)('every test that %s names exists, under that name', (document) => {
  const missing: string[] = [];
  for (const { path, names } of namedTests(read(document))) {
    if (!existsSync(path)) missing.push(path);
    else {
      const text = path.endsWith('.ts') ? read(path).replaceAll("\\'", "'") : '';
      missing.push(
        ...names.filter((name) => !text.includes(name)).map((name) => `${path}: ${name}`),
      );
    }
  }
  expect(missing).toEqual([]);
});

it.each(documents)('every source file that %s names exists', (document) => {
  const paths = [...read(document).matchAll(/src\/[\w./-]*\w/g)].map(([path]) => path);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

it('the specification names tests for every promise', () => {
  const sections = read('docs/specification.md')
    .split(/^### (?=S\d)/m)
    .slice(1);
  expect(sections.map((section) => section.slice(0, 2))).toEqual([
    'S1',
    'S2',
    'S3',
    'S4',
    'S5',
    'S6',
    'S7',
    'S8',
    'S9',
  ]);
  for (const section of sections) expect([...namedTests(section)].length).toBeGreaterThan(0);
});

it('the specification tells the versions of this build', () => {
  const text = read('docs/specification.md');
  expect(text).toMatch(new RegExp(`logging channel +\\| version ${PROTOCOL_VERSION};`));
  expect(text).toMatch(new RegExp(`log and log file +\\| version ${LOG_VERSION};`));
  expect(text).toMatch(new RegExp(`\`vm.json\` +\\| version ${VM_FILE_VERSION};`));
});

it('operating.md says what to do about every error code', () => {
  const codes = new Set(
    readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => read(`src/${file}`).match(/'FTVM_[A-Z_]+'/g) ?? [])
      .map((code) => code.slice(1, -1)),
  );
  const text = read('docs/operating.md');
  expect([...codes].filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
});

it('each step of the models names methods that its files have', () => {
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' });
  const inFile = /^\| .* \| (src\/\S+\.ts[^|]*) \| (.*?) +\|$/gm;
  const rows = [...read('docs/model/README.md').matchAll(inFile)];
  expect(rows.length).toBeGreaterThan(40);
  for (const [row, files = '', methods = ''] of rows) {
    const names = `${files} ${methods}`.match(/[\w-]+\.ts/g) ?? [];
    const texts = names.map((name) => {
      const path = paths.find((each) => each.split(/[\\/]/).at(-1) === name);
      expect(path, `${name} of ${row}`).toBeDefined();
      return read(`src/${path}`);
    });
    for (const [, method = ''] of methods.matchAll(/`(#?\w+)`/g)) {
      const isThere = texts.some((text) => new RegExp(`${method}\\b`).test(text));
      expect(isThere, `${method} of ${row}`).toBe(true);
    }
  }
});
