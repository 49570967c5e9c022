import { createServer, type AddressInfo } from 'node:net';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tinyKernel } from '../vcpu/tiny-kernel.js';
import type { Finished } from './ftvm-process.js';
import { inSync, VmUnderTest } from './vm-under-test.js';

/** What went wrong, a remedy and a code, on two lines; never a stack. */
function expectError({ status, stdout, stderr }: Finished, exit: number, what: RegExp): void {
  expect(stderr).toMatch(what);
  expect(stderr).toMatch(/\n {2}\S.* \[FTVM_[A-Z_]+\]\n$/);
  expect(stderr).not.toMatch(/a bug|\n {4}at /);
  expect(stdout).toBe('');
  expect(status).toBe(exit);
}

const spinning = 'eb fe'; // jmp to itself

/** A VM that nobody runs. */
async function stoppedVm(): Promise<VmUnderTest> {
  const vm = new VmUnderTest([]);
  const kernel = join(vm.place, 'kernel');
  writeFileSync(kernel, tinyKernel(spinning));
  const primary = vm.primary('--kernel', kernel, '--memory', '16', '--nic', 'none');
  await primary.stderr.until(/primary of .*: process/);
  primary.signal('SIGINT');
  expect(await primary.ended).toBe(130);
  return vm;
}

it('a vm.json that is damaged is named, by every command', async () => {
  const vm = await stoppedVm();
  const path = join(vm.dir, 'vm.json');
  const whole = readFileSync(path, 'utf8');
  const commands = [
    ['run', vm.dir, '--primary'],
    ['run', vm.dir, '--backup'],
    ['status', vm.dir],
    ['stop', vm.dir],
    ['console', vm.dir],
  ];
  for (const text of [
    whole.slice(0, 200),
    '',
    'null',
    whole.replace('"memoryMiB": 16', '"memoryMiB": "much"'),
  ]) {
    writeFileSync(path, text);
    const ends = await Promise.all(commands.map((words) => vm.run(...words)));
    for (const end of ends) expectError(end, 4, /vm\.json/);
  }
  writeFileSync(path, whole);
  expect((await vm.run('status', vm.dir)).status).toBe(0);
});

it('a machine whose parts are gone or changed does not start', async () => {
  const vm = await stoppedVm();
  const kernel = join(vm.dir, 'boot', 'kernel');
  const bytes = readFileSync(kernel);
  writeFileSync(kernel, Buffer.concat([bytes.subarray(0, -1), Buffer.from([0])]));
  expectError(await vm.run('run', vm.dir, '--primary'), 4, /boot\/kernel has changed/);
  unlinkSync(kernel);
  expectError(await vm.run('run', vm.dir, '--primary'), 4, /boot\/kernel is missing/);
});

it('a disk image that is gone or shrunk does not start', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  await primary.kill();
  const image = join(vm.dir, 'disk', 'hda.img');
  truncateSync(image, 1000 * 512);
  expectError(await vm.run('run', vm.dir, '--primary'), 4, /hda\.img, has shrunk/);
  unlinkSync(image);
  expectError(await vm.run('run', vm.dir, '--primary'), 4, /hda\.img, is missing/);
});

it('a place where no VM can be is named', async () => {
  const vm = new VmUnderTest();
  const file = join(vm.place, 'file');
  writeFileSync(file, '');
  expectError(await vm.run('run', file, '--primary'), 4, /a file stands there/);
  expectError(await vm.run('run', file, '--backup'), 4, /a file stands there/);
  expectError(await vm.run('run', join(file, 'vm'), '--primary'), 4, /a file stands there/);
  expectError(await vm.run('run', '/proc/vm', '--primary'), 4, /Cannot create a VM in \/proc\/vm/);
  expectError(await vm.run('run', vm.place, '--primary'), 4, /it has other files/);
  expectError(await vm.run('status', join(vm.place, 'none')), 4, /No VM in/);
  expect(readdirSync(vm.place)).toEqual(['file']);
});

it('a port that is taken is named', async () => {
  const vm = await stoppedVm();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const option of ['--listen', '--api']) {
    const end = await vm.run('run', vm.dir, '--primary', option, address);
    expectError(end, 4, new RegExp(`${address}: the port is taken`));
  }
  // Nobody claimed anything.
  expect(vm.generations()).toHaveLength(1);
});

it('options that differ from the machine are refused, by primary and backup', async () => {
  const vm = await stoppedVm();
  const memory = ['--memory', '64'];
  expectError(await vm.run('run', vm.dir, '--primary', ...memory), 4, /--memory 16, not 64/);
  expectError(await vm.run('run', vm.dir, '--backup', ...memory), 4, /--memory 16, not 64/);
  expectError(await vm.run('run', vm.dir, '--primary', '--nic', 'ne2k'), 4, /--nic none, not ne2k/);
});

it('a backup of another VM is refused by name', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const { endpoint } = vm.generations()[0]!.holder;
  const other = await stoppedVm();
  const end = await other.run('run', other.dir, '--backup', '--join', endpoint);
  expect(end.status).toBe(4);
  expect(end.stderr).toMatch(
    /The primary refused this backup: it is a backup of VM \S+, the primary runs VM/,
  );
  expect(end.stderr).toContain('[FTVM_ANOTHER_VM]');
  expect(await primary.shell('echo alive')).toBe('alive');
});

it('a backup whose directory describes another machine is refused by name', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  // The same VM, by its id, with another size of memory.
  const forged = join(vm.place, 'forged');
  mkdirSync(join(forged, 'generations'), { recursive: true });
  const file = JSON.parse(readFileSync(join(vm.dir, 'vm.json'), 'utf8'));
  const { kernel } = file.spec.boot;
  file.spec.memoryMiB = 48;
  kernel.file.path = join(vm.dir, kernel.file.path);
  file.spec.drives[0].path = join(vm.dir, file.spec.drives[0].path);
  writeFileSync(join(forged, 'vm.json'), JSON.stringify(file));
  const { endpoint } = vm.generations()[0]!.holder;
  const end = await vm.run('run', forged, '--backup', '--join', endpoint);
  expect(end.status).toBe(4);
  expect(end.stderr).toMatch(/its machine has memory\S* 48\b.*, the primary's has 32\b/);
  expect(end.stderr).toContain('[FTVM_MACHINE_DIFFERS]');
  expect(await primary.shell('echo alive')).toBe('alive');
});

it('--join of a place where nobody is falls back on the directory of the VM', async () => {
  const vm = new VmUnderTest();
  await vm.booted();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const backup = vm.backup('--join', `ws://127.0.0.1:${port}`);
  await backup.stderr.until(new RegExp(`127\\.0\\.0\\.1:${port}`));
  await inSync(backup);
});

it('what cannot be meant is a usage error', async () => {
  const vm = new VmUnderTest();
  const usage: [string[], RegExp][] = [
    [['frob'], /unknown command 'frob'/],
    [['run'], /--primary or --backup/],
    [['run', '--primary', '--backup'], /--primary or --backup/],
    [['run', '--primry'], /unknown option '--primry'\n\(Did you mean --primary\?\)/],
    [['run', 'a', 'b', '--primary'], /too many arguments/],
    [['run', '--primary', '--memory', 'abc'], /whole number from \d+ to \d+/],
    [['run', '--primary', '--memory', '3'], /whole number from \d+ to \d+/],
    [['run', '--primary', '--listen', 'here'], /HOST:PORT/],
    [['run', '--primary', '--listen', '127.0.0.1:65536'], /HOST:PORT/],
    [['run', '--backup', '--join', 'there'], /ws:\/\/HOST:PORT/],
    [['run', '--primary', '--switch', 'http://127.0.0.1:7500'], /ws:\/\/HOST:PORT/],
    [['run', '--primary', '--join', 'ws://127.0.0.1:7000'], /a primary joins nobody/],
    [['run', '--primary', '--nic', 'e1000'], /Allowed choices are virtio, ne2k, none/],
    [['run', '--primary', '--output-commit', 'maybe'], /Allowed choices are on, off/],
    [['replay'], /missing required argument/],
    [['record'], /required option/],
  ];
  const ends = await Promise.all(usage.map(([words]) => vm.run(...words)));
  ends.forEach(({ status, stdout, stderr }, at) => {
    const [words, what] = usage[at]!;
    expect(stderr, words.join(' ')).toMatch(what);
    expect(stderr).toMatch(/^ftvm: /);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });
  expect(readdirSync(vm.place)).toEqual([]);
});

it('files that are not what they should be are named', async () => {
  const vm = new VmUnderTest();
  const text = join(vm.place, 'text');
  writeFileSync(text, 'not a kernel');
  const run = (...words: string[]) => vm.run('run', vm.dir, '--primary', ...words);
  expectError(await run('--image', 'nosuch'), 4, /No guest image nosuch/);
  expectError(await run('--kernel', 'nosuch'), 4, /--kernel nosuch: .*no such file/);
  expectError(await run('--kernel', text), 4, /neither a bzImage nor a multiboot kernel/);
  expectError(await run('--disk', 'nosuch'), 4, /--disk nosuch/);
  expectError(await run('--cdrom', vm.place), 4, /--cdrom/);
  expectError(await run('--log-file', 'none/log'), 4, /none\/log/);
  expectError(await run('--secret-file', text), 4, /--secret-file/);
  expect(readdirSync(vm.place).filter((name) => name !== 'vm')).toEqual(['text']);
});

it('every command explains itself on one screen, with an example', async () => {
  const vm = new VmUnderTest();
  const { stdout } = await vm.run('--help');
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) \[/gm)].map(([, name]) => name!);
  expect(commands).toEqual(expect.arrayContaining(['run', 'demo', 'status', 'stop', 'console']));
  for (const command of commands.filter((name) => name !== 'help')) {
    const help = await vm.run(command, '--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toContain('Example');
    expect(help.stdout).not.toMatch(/\[object|\{"/);
    expect(help.stdout.split('\n').length, command).toBeLessThanOrEqual(54);
  }
});
