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
  readonly keeper: number;
  readonly heard: readonly string[];
  /** Resolves when the next message is heard. */
  readonly next: () => Promise<string>;
}

/** A process with a will, whose keeper has read it. */
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
  const keeper = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  // Asleep with a handler for SIGTERM: it has read all there is.
  await until(() => {
    const status = readFileSync(`/proc/${keeper}/status`, 'utf8');
    const caught = BigInt(`0x${/SigCgt:\s*(\w+)/.exec(status)?.[1] ?? '0'}`);
    return /State:\s*S/.test(status) && (caught & (1n << 14n)) !== 0n;
  });
  const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  return { process: child, keeper, heard, next };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2);
}
const isOver = (pid: number): boolean => {
  if (!existsSync(`/proc/${pid}`)) return true;
  return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
};

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

  it('is not sent while it lives, whatever is done to the keeper', async () => {
    const { process: victim, keeper, heard, next } = await author('died b1 sesame');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
      process.kill(keeper, signal);
    }
    // And after that it still is.
    await until(() => / S /.test(readFileSync(`/proc/${keeper}/stat`, 'utf8')));
    expect(heard).toEqual([]);
    const message = next();
    victim.kill('SIGKILL');
    expect(await message).toBe('died b1 sesame');
    expect(heard).toHaveLength(1);
  });

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
  will.close();
  expect(diagnostics.messages).toEqual([expect.stringMatching(/^info no last will/)]);
});
