import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { hostHas } from './host-tools.js';
import { VmUnderTest } from './vm-under-test.js';

const program = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));

/** Whether a process runs; one of ours that nobody has waited for yet does not. */
function runs(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !readFileSync(stat, 'latin1').includes(') Z');
}

it.skipIf(process.platform !== 'linux' || !hostHas('script'))(
  'a replica whose terminal is closed hands over and ends, and does not crash',
  async () => {
    const vm = new VmUnderTest();
    const said = join(vm.place, 'said');
    const words = ['run', vm.dir, '--primary', ...vm.options].join(' ');
    const command = `exec ${process.execPath} ${program} ${words} 2> ${said}`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'ignore' });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    const saidSoFar = (): string => (existsSync(said) ? readFileSync(said, 'utf8') : '');
    const { pid } = await vi.waitFor(
      () => {
        const found = /process (\d+),/.exec(saidSoFar());
        if (!found) throw new Error(`no primary yet: ${saidSoFar()}`);
        return { pid: Number(found[1]) };
      },
      { timeout: 30_000 },
    );
    const backup = await vm.protect();
    terminal.kill('SIGKILL');
    await backup.stderr.until(/LIVE at epoch/);
    await vi.waitFor(() => expect(runs(pid)).toBe(false), { timeout: 30_000 });
    expect(saidSoFar()).toContain('this replica has left');
    expect(saidSoFar()).not.toMatch(/Assertion|stack trace/);
  },
);
