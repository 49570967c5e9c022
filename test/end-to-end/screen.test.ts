import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TextTerminal } from '../guest/text-terminal.js';
import { bootSectorDisk } from './boot-sector.js';
import { ConsoleReader } from './console-reader.js';
import type { Transcript } from './transcript.js';
import { live, VmUnderTest } from './vm-under-test.js';

/** What a terminal shows that has got all of `transcript`, whole sequences only. */
function screenOf(transcript: Transcript): string {
  const terminal = new TextTerminal();
  terminal.write(Buffer.from(transcript.text.replace(/\x1b[^A-Za-z]*$/, ''), 'latin1'));
  return Array.from({ length: 25 }, (_, row) => terminal.row(row)).join('\n');
}

/** Resolves once it shows `line`, whole. */
async function shows(transcript: Transcript, line: string): Promise<void> {
  for (let end = 0; !screenOf(transcript).split('\n').includes(line);) {
    end = transcript.end;
    await transcript.until(/[^]/, end);
  }
}

function pcWithScreen(): VmUnderTest {
  const vm = new VmUnderTest(['--disk', 'pc.img', '--console', 'screen', '--nic', 'none']);
  writeFileSync(join(vm.place, 'pc.img'), bootSectorDisk('type> '));
  return vm;
}

it('shows the screen of a PC, takes its keys, and goes on at the next byte after a kill -9', async () => {
  const vm = pcWithScreen();
  const primary = vm.primary('--memory', '16');
  await shows(primary.stdout, 'type>');
  primary.type('Hello');
  await shows(primary.stdout, 'type> Hello');
  const before = new ConsoleReader(vm.generations()[0]!.holder.api);

  const backup = await vm.protect();
  // It has seen nothing of what came before, and shows all of it.
  await shows(backup.stdout, 'type> Hello');
  primary.type(', World');
  await shows(before.shown, 'type> Hello, World');
  await shows(backup.stdout, 'type> Hello, World');
  await primary.kill();
  await before.closed;

  await live(backup);
  const after = new ConsoleReader(vm.generations()[1]!.holder.api, before.next);
  backup.type('!');
  await shows(backup.stdout, 'type> Hello, World!');
  const painted = /!\x1b\[0m\x1b\[\d+;\d+H\x1b\[\?25h$/;
  await Promise.all([after.shown.until(painted), backup.stdout.until(painted)]);
  expect([...before.misplaced, ...after.misplaced]).toEqual([]);
  // Both wrote the same bytes from the cut on, which begins a whole screen for who has seen nothing.
  const text = before.shown.text + after.shown.text;
  expect(text.endsWith(backup.stdout.text)).toBe(true);
});

it('is part of what a replay repeats to the byte', async () => {
  const vm = pcWithScreen();
  const log = join(vm.place, 'run.log');
  const recorded = vm.start('record', '--out', log, vm.dir, ...vm.options, '--memory', '16');
  await shows(recorded.stdout, 'type>');
  recorded.type('abc');
  await shows(recorded.stdout, 'type> abc');
  recorded.signal('SIGTERM');
  await recorded.ended;
  const { status, stdout } = await vm.run('replay', log, '--console');
  expect(status).toBe(0);
  expect(stdout).toBe(recorded.stdout.text);
});

it('is a property of the machine: another one is refused by name', async () => {
  const vm = pcWithScreen();
  const primary = vm.primary('--memory', '16');
  await shows(primary.stdout, 'type>');
  await primary.kill();
  const { status, stderr } = await vm.run('run', vm.dir, '--primary', '--console', 'serial');
  expect(status).toBe(4);
  expect(stderr).toMatch(/--console/);
});
