import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProcessWill } from '../../src/node/process-will.js';
import { UdpDatagrams } from '../../src/node/udp-datagrams.js';
import { SilentDiagnostics } from './silent-diagnostics.js';

const writer = fileURLToPath(new URL('will-writer.mjs', import.meta.url));

interface Author {
  readonly process: ChildProcess;
  readonly guard: number;
  readonly keeper: number;
  readonly heard: readonly string[];
  /** Resolves when the next message is heard. */
  readonly next: () => Promise<string>;
}

/** A process with a will, which has passed the guard, asleep, and been read by the keeper. */
async function author(message: string): Promise<Author> {
  const heard: string[] = [];
  const waiting: ((message: string) => void)[] = [];
  const socket = await UdpDatagrams.bind({ host: '127.0.0.1', port: 0 }, (bytes) => {
    heard.push(Buffer.from(bytes).toString());
    waiting.splice(0).forEach((wake) => wake(heard.at(-1) ?? ''));
  });
  onTestFinished(() => socket.close());
  const child = spawn(process.execPath, [writer, socket.address, message]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const pid = child.pid ?? 0;
  const childrenOf = (parent: number): number =>
    Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim());
  const guard = childrenOf(pid);
  await until(() => /\(cat\) S /.test(statOf(guard)));
  const keeper = childrenOf(guard);
  await until(() => / S /.test(statOf(keeper)));
  const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  return { process: child, guard, keeper, heard, next };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2);
}
const statOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8');
const isOver = (pid: number): boolean =>
  !existsSync(`/proc/${pid}`) || statOf(pid).includes(') Z ');

describe.skipIf(!ProcessWill.isPossible())('the last will of a process', () => {
  it('is sent when it is killed, and its keeper ends', async () => {
    const { process: victim, keeper, next } = await author('died b1 sesame');
    const message = next();
    victim.kill('SIGKILL');
    expect(await message).toBe('died b1 sesame');
    await until(() => isOver(keeper));
  });

  it('is sent when it falls over', async () => {
    const { process: victim, next } = await author('died b1 sesame');
    const message = next();
    victim.stdin?.write('fall\n');
    expect(await message).toBe('died b1 sesame');
  });

  it('is revoked by leaving in good order', async () => {
    const { process: victim, keeper, heard } = await author('died b1 sesame');
    victim.stdin?.write('leave\n');
    await until(() => isOver(keeper) && victim.exitCode !== null);
    expect(heard).toEqual([]);
  });

  it('minds no signal of a terminal', async () => {
    const { process: victim, guard, keeper, next } = await author('died b1 sesame');
    for (const pid of [guard, keeper]) {
      for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(pid, signal);
    }
    const message = next();
    victim.kill('SIGKILL');
    expect(await message).toBe('died b1 sesame');
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is not sent while it lives, if a guard is hit by %s',
    async (signal) => {
      const { process: victim, guard, keeper, heard } = await author('died b1 sesame');
      process.kill(guard, signal);
      await until(() => isOver(keeper));
      expect(victim.exitCode).toBeNull();
      expect(heard).toEqual([]);
    },
  );

  it('takes no words for a shell', async () => {
    const { process: victim, keeper, heard } = await author('$(kill $PPID); x\ny 1 z');
    victim.kill('SIGKILL');
    await until(() => isOver(keeper));
    expect(heard).toEqual([]);
  });
});

it('is not there without its tools, and nothing else happens', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nonexistent';
  const diagnostics = new SilentDiagnostics();
  const will = new ProcessWill(diagnostics);
  process.env['PATH'] = PATH;
  await until(() => diagnostics.messages.length > 0);
  will.add('127.0.0.1:9', 'died b1 sesame');
  await will.close();
  expect(diagnostics.messages).toEqual([expect.stringMatching(/^info no last will/)]);
});
