import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import type * as files from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeGeneration } from '../../src/arbiter/generation-codec.js';
import { FileGenerationStore } from '../../src/node/file-generation-store.js';
import { GenerationFileError, StorageUnreachableError } from '../../src/node/generation-error.js';
import { generationRecord } from '../contract/generation-store-contract.js';
import { rejection, scratchDir } from './scratch.js';

type Files = typeof files;

/** What a test puts in the place of a system call; the rest stays real. */
const faults = vi.hoisted((): { current: Partial<Files> } => ({ current: {} }));
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<Files>();
  const faulty = (name: keyof Files) =>
    function call(...args: unknown[]): unknown {
      const chosen = (faults.current[name] ?? real[name]) as (...args: unknown[]) => unknown;
      return chosen(...args);
    };
  return { ...real, link: faulty('link'), open: faulty('open'), readFile: faulty('readFile') };
});
const real = await vi.importActual<Files>('node:fs/promises');

beforeEach(() => {
  faults.current = {};
});

const errno = (code: string): Error => Object.assign(new Error(`${code}: made up`), { code });
const failing = (code: string) => () => Promise.reject(errno(code));
const claim = (dir: string, replica: string, generation = 1) =>
  new FileGenerationStore(dir).claim(generationRecord(generation, replica));

describe('claims of several processes', () => {
  it('have exactly one winner: 50 claims at once by 5 processes', async () => {
    const dir = scratchDir();
    const program = fileURLToPath(new URL('claim-many.mjs', import.meta.url));
    const children = Array.from({ length: 5 }, (_, i) =>
      spawn(process.execPath, [program, dir, `p${i}`, '10'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const lines = children.map((child) => child.stdout.setEncoding('utf8')[Symbol.asyncIterator]());
    for (const each of lines) expect((await each.next()).value).toBe('ready\n');
    // All of them wait for their standard input to end.
    for (const child of children) child.stdin.end();
    const outcomes: { kind: string; by: string; holder?: string }[] = [];
    for (const each of lines) {
      let text = '';
      for (let chunk = await each.next(); !chunk.done; chunk = await each.next())
        text += chunk.value;
      outcomes.push(...(JSON.parse(text) as typeof outcomes));
    }
    expect(outcomes).toHaveLength(50);
    const winners = outcomes.filter(({ kind }) => kind === 'won');
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.kind !== 'won') {
        expect(outcome).toMatchObject({ kind: 'lost', holder: winners[0]?.by });
      }
    }
    // Tidied up behind the answer.
    await vi.waitFor(() => expect(readdirSync(dir)).toEqual(['generation-7.json']));
  });
});

describe('a generation file', () => {
  it('is one readable JSON object, and nothing is left beside it', async () => {
    const dir = scratchDir();
    await claim(dir, 'a');
    // Tidied up behind the answer.
    await vi.waitFor(() => expect(readdirSync(dir)).toEqual(['generation-1.json']));
    const text = readFileSync(join(dir, 'generation-1.json'), 'utf8');
    expect(JSON.parse(text)).toEqual(generationRecord(1, 'a'));
  });

  const whole = encodeGeneration(generationRecord(1, 'a'));
  it.each([
    ['empty', ''],
    ['truncated', whole.slice(0, 100)],
    ['garbage', '\u0000\u0001garbage'],
    ['no object', '[1]'],
    ['of another generation', encodeGeneration(generationRecord(2, 'a'))],
    ['without a holder', JSON.stringify({ ...generationRecord(1, 'a'), holder: undefined })],
    ['with a member that is no text', JSON.stringify({ ...generationRecord(1, 'a'), inSync: [7] })],
    ['of an unknown reason', JSON.stringify({ ...generationRecord(1, 'a'), reason: 'bored' })],
  ])('that is %s is a typed error and still taken', async (_, text) => {
    const dir = scratchDir();
    const path = join(dir, 'generation-1.json');
    writeFileSync(path, text);
    const [latest, read, claimed] = await Promise.all([
      rejection(new FileGenerationStore(dir).latest()),
      rejection(new FileGenerationStore(dir).read(1)),
      claim(dir, 'b'),
    ]);
    for (const error of [latest, read]) {
      expect(error).toBeInstanceOf(GenerationFileError);
      expect(error).toMatchObject({ code: 'FTVM_GENERATION_FILE' });
      expect(String(error)).toContain(path);
    }
    const holder = { generation: 1, holder: { replica: 'unknown' } };
    expect(claimed).toMatchObject({ kind: 'lost', holder });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is not confused with other files of the directory', async () => {
    const dir = scratchDir();
    await claim(dir, 'a');
    for (const name of ['generation-2.json.bak', 'generation-02.json', 'xgeneration-9.json']) {
      writeFileSync(join(dir, name), 'x');
    }
    expect(await new FileGenerationStore(dir).latest()).toMatchObject({
      kind: 'found',
      record: { generation: 1 },
    });
  });
});

describe('storage that cannot be used', () => {
  it('is unreachable when the directory is not there: it is never made here', async () => {
    const dir = join(scratchDir(), 'not-mounted');
    expect(await claim(dir, 'a')).toMatchObject({ kind: 'unreachable' });
    expect(await new FileGenerationStore(dir).latest()).toMatchObject({
      kind: 'unreachable',
      why: expect.stringContaining('is the shared disk mounted?') as string,
    });
    expect(await rejection(new FileGenerationStore(dir).read(1))).toBeInstanceOf(
      StorageUnreachableError,
    );
    expect(existsSync(dir)).toBe(false);
  });

  it('is unreachable when a file stands in its place', async () => {
    const path = join(scratchDir(), 'file');
    writeFileSync(path, '');
    expect(await claim(path, 'a')).toMatchObject({ kind: 'unreachable' });
    expect(await new FileGenerationStore(path).latest()).toMatchObject({ kind: 'unreachable' });
  });

  it.each(['EIO', 'ESTALE', 'EACCES', 'EROFS', 'ENOSPC'])(
    'is unreachable on %s, and the generation stays free',
    async (code) => {
      const dir = scratchDir();
      faults.current = { link: failing(code) };
      expect(await claim(dir, 'a')).toEqual({ kind: 'unreachable', why: `${code}: made up` });
      faults.current = { open: failing(code) };
      expect(await claim(dir, 'a')).toEqual({ kind: 'unreachable', why: `${code}: made up` });
      faults.current = {};
      // Tidied up behind the answer.
      await vi.waitFor(() => expect(readdirSync(dir)).toEqual([]));
      expect(await claim(dir, 'b')).toEqual({ kind: 'won' });
    },
  );

  it('is unreachable, not lost, when the winner cannot be read', async () => {
    const dir = scratchDir();
    await claim(dir, 'a');
    faults.current = { readFile: failing('EIO') as Files['readFile'] };
    expect(await claim(dir, 'b')).toMatchObject({ kind: 'unreachable' });
    expect(await new FileGenerationStore(dir).latest()).toMatchObject({ kind: 'unreachable' });
  });
});

describe('a link whose answer is lost (NFS)', () => {
  it.each(['EEXIST', 'EIO'])('counts when it was made, whatever was answered: %s', async (code) => {
    const dir = scratchDir();
    faults.current = {
      link: async (from, to) => {
        await real.link(from, to);
        throw errno(code);
      },
    };
    expect(await claim(dir, 'a')).toEqual({ kind: 'won' });
    expect(await claim(dir, 'b')).toMatchObject({ kind: 'lost' });
  });
});

describe('a file system without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('has one winner all the same: %s', async (code) => {
    const dir = scratchDir();
    faults.current = { link: failing(code) };
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => claim(dir, `r${i}`).then(({ kind }) => kind)),
    );
    expect(outcomes.filter((kind) => kind === 'won')).toHaveLength(1);
    expect(outcomes.filter((kind) => kind === 'lost')).toHaveLength(19);
    // Tidied up behind the answer.
    await vi.waitFor(() => expect(readdirSync(dir)).toEqual(['generation-1.json']));
  });

  it('waits for the text of a file that is still being written', async () => {
    const dir = scratchDir();
    const path = join(dir, 'generation-1.json');
    writeFileSync(path, '');
    let reads = 0;
    const readFile = (...args: Parameters<Files['readFile']>): ReturnType<Files['readFile']> => {
      reads += 1;
      if (reads === 3) writeFileSync(path, encodeGeneration(generationRecord(1, 'a')));
      return real.readFile(...args);
    };
    faults.current = { readFile: readFile as Files['readFile'] };
    expect(await claim(dir, 'b')).toMatchObject({
      kind: 'lost',
      holder: { holder: { replica: 'a' } },
    });
  });
});

describe('a file server that hangs', () => {
  /** A link that is made only when the test says so. */
  function hangingLink(): { readonly release: () => void } {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    faults.current = {
      link: async (from, to) => {
        await released;
        return real.link(from, to);
      },
    };
    return { release };
  }

  it('is unreachable in time, and a win that comes late is ours when we ask again', async () => {
    const dir = scratchDir();
    const store = new FileGenerationStore(dir, { callMsMax: 50 });
    const { release } = hangingLink();
    const record = generationRecord(1, 'a');
    expect(await store.claim(record)).toMatchObject({
      kind: 'unreachable',
      why: expect.stringContaining('no answer within 50 ms') as string,
    });
    release();
    faults.current = {};
    expect(await new FileGenerationStore(dir).claim(generationRecord(2, 'x'))).toEqual({
      kind: 'won',
    });
    // This one waits for the abandoned call, so the two cannot overtake each other.
    const again = new FileGenerationStore(dir);
    await vi.waitFor(async () => expect(await again.read(1)).not.toBeNull());
    expect(await store.claim(record)).toEqual({ kind: 'won' });
    expect(await claim(dir, 'b')).toMatchObject({ kind: 'lost', holder: record });
  });

  it('loses no more than one call, however often it is asked', async () => {
    const dir = scratchDir();
    const store = new FileGenerationStore(dir, { callMsMax: 30 });
    let calls = 0;
    const { release } = hangingLink();
    const hanging = faults.current.link as Files['link'];
    faults.current = {
      link: (from, to) => {
        calls += 1;
        return hanging(from, to);
      },
    };
    for (let i = 0; i < 4; i += 1) {
      expect(await store.claim(generationRecord(1, 'a'))).toMatchObject({ kind: 'unreachable' });
    }
    expect(calls).toBe(1);
    release();
    faults.current = {};
    await vi.waitFor(async () => {
      expect(await store.claim(generationRecord(1, 'a'))).toEqual({ kind: 'won' });
    });
  });

  it('answers a claim that takes longer than anybody waits, to whoever goes on asking', async () => {
    const dir = scratchDir();
    // Long beside a link(2) on a busy machine: the second claim has to see the first one through.
    const store = new FileGenerationStore(dir, { callMsMax: 1000 });
    const { release } = hangingLink();
    const hanging = faults.current.link as Files['link'];
    let links = 0;
    faults.current.link = (from, to) => {
      links += 1;
      return hanging(from, to);
    };
    expect(await store.claim(generationRecord(1, 'a'))).toMatchObject({ kind: 'unreachable' });
    const second = store.claim(generationRecord(1, 'a'));
    release();
    expect(await second).toEqual({ kind: 'won' });
    // The same attempt, not another one that would take as long again.
    expect(links).toBe(1);
  });

  it('never begins a question whose turn came too late', async () => {
    const dir = scratchDir();
    const store = new FileGenerationStore(dir, { callMsMax: 30 });
    const { release } = hangingLink();
    await store.claim(generationRecord(1, 'a'));
    let reads = 0;
    faults.current.readFile = ((...args: Parameters<Files['readFile']>) => {
      reads += 1;
      return real.readFile(...args);
    }) as Files['readFile'];
    for (let i = 0; i < 3; i += 1) {
      expect(await store.latest()).toMatchObject({ kind: 'unreachable' });
    }
    release();
    await vi.waitFor(async () => {
      expect(await store.latest()).toMatchObject({ kind: 'found' });
    });
    expect(reads).toBe(1);
  });
});

describe('drafts of processes that died', () => {
  it('are removed once they are old, and no earlier', async () => {
    const dir = scratchDir();
    const [old, recent] = ['.draft-old', '.draft-recent'].map((name) => join(dir, name));
    for (const path of [old, recent]) writeFileSync(path as string, 'half');
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(old as string, hourAgo, hourAgo);
    await claim(dir, 'a');
    // Tidied up behind the answer.
    await vi.waitFor(() =>
      expect(readdirSync(dir).sort()).toEqual(['.draft-recent', 'generation-1.json']),
    );
  });

  it('may vanish under a live process, which then has not won', async () => {
    const dir = scratchDir();
    faults.current = {
      link: async (from, to) => {
        rmSync(from as string);
        await real.link(from, to);
      },
    };
    expect(await claim(dir, 'a')).toMatchObject({ kind: 'unreachable' });
    // Tidied up behind the answer.
    await vi.waitFor(() => expect(readdirSync(dir)).toEqual([]));
  });

  it('do no harm as a directory', async () => {
    const dir = scratchDir();
    mkdirSync(join(dir, '.draft-odd'));
    expect(await claim(dir, 'a')).toEqual({ kind: 'won' });
  });
});
