import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prompt, VmUnderTest } from './vm-under-test.js';

/** A run with work on console and disk, kept in a file. */
async function recorded(): Promise<{ vm: VmUnderTest; log: string; console: string }> {
  const vm = new VmUnderTest();
  const log = join(vm.place, 'run.log');
  const recorder = vm.start('record', vm.dir, ...vm.options, '--out', log);
  await recorder.stdout.until(prompt);
  await recorder.shell('fsyncer /root/records 20; md5sum /bin/busybox; date');
  recorder.type('poweroff\n');
  expect(await recorder.ended).toBe(0);
  expect(recorder.stderr.text).toMatch(/recorded \d+ epochs in/);
  return { vm, log, console: recorder.stdout.text };
}

it('replays a recording to the byte, and tells what is wrong with a file', async () => {
  const { vm, log, console } = await recorded();
  const whole = readFileSync(log);
  const again = await vm.run('replay', log, '--console');
  expect(again.status).toBe(0);
  expect(again.stdout).toBe(console);
  expect(again.stderr).toMatch(/replayed \d+ epochs .* digests and \d+ console bytes equal/);

  const report = await vm.run('replay', log, '--json');
  expect(JSON.parse(report.stdout)).toMatchObject({
    firstDivergence: null,
    crashed: null,
    truncated: false,
    outputBytes: Buffer.byteLength(console, 'latin1'),
  });

  const cut = join(vm.place, 'cut.log');
  writeFileSync(cut, whole.subarray(0, Math.floor(whole.length / 2)));
  const half = await vm.run('replay', cut);
  expect(half.status).toBe(0);
  expect(half.stderr).toMatch(/ends|truncated|broken off|cut/i);
  expect(half.stderr).toMatch(/replayed \d+ epochs/);

  const flipped = join(vm.place, 'flipped.log');
  const bytes = Buffer.from(whole);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 0x10, middle);
  writeFileSync(flipped, bytes);
  const damaged = await vm.run('replay', flipped);
  expect(damaged.stderr).toMatch(/checksum|damage|corrupt/i);
  expect(damaged.stderr).not.toMatch(/a bug|DIVERGED/);

  const head = join(vm.place, 'head.log');
  writeFileSync(head, whole.subarray(0, 20));
  const nothing = await vm.run('replay', head);
  expect(nothing.status).toBe(4);
  expect(nothing.stderr).toContain('ends within its header');
});

it('refuses the log of another build, and one whose kernel is gone', async () => {
  const { vm, log } = await recorded();
  // A log of another emulator: the same, but for the digest of its program.
  const [{ LogFileReader }, { LogFileWriter }] = await Promise.all([
    import('../../src/log/log-file-reader.js'),
    import('../../src/log/log-file-writer.js'),
  ]);
  const reader = new LogFileReader();
  reader.push(readFileSync(log));
  const header = reader.header!;
  const { spec, build } = header;
  const head = (changes: Record<string, string>, path = spec.boot.kernel!.file.path): Uint8Array =>
    new LogFileWriter().head({
      ...header,
      spec: {
        ...spec,
        boot: {
          ...spec.boot,
          kernel: { ...spec.boot.kernel!, file: { ...spec.boot.kernel!.file, path } },
        },
      },
      build: { ...build, ...changes },
    });
  const other = join(vm.place, 'other.log');
  writeFileSync(other, head({ v86Wasm: 'f00' }));
  const refused = await vm.run('replay', other);
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/recorded with v86Wasm f00, this is [0-9a-f]+/);
  expect(refused.stderr).toContain('[FTVM_REPLAY_BUILD]');

  writeFileSync(other, head({}, '/nowhere/kernel'));
  const lost = await vm.run('replay', other);
  expect(lost.status).toBe(4);
  expect(lost.stderr).toContain('/nowhere/kernel');
  const found = await vm.run('replay', other, '--vm', vm.dir);
  expect(found.stderr).not.toContain('/nowhere/kernel');
});

it('a log that finds no room ends the run with a reason', async (context) => {
  if (!existsSync('/dev/full')) return context.skip('there is no /dev/full here');
  const vm = new VmUnderTest();
  const recorder = await vm.run('record', vm.dir, ...vm.options, '--out', '/dev/full');
  expect(recorder.status).toBe(4);
  expect(recorder.stderr).toMatch(/Cannot write the log to \/dev\/full: .*no space/);
  expect(recorder.stderr).not.toMatch(/a bug|\n {4}at /);
});

it('a log that nobody may write is refused before a VM is made, and one that is there stays', async () => {
  const vm = new VmUnderTest();
  const [kept, missing] = [join(vm.place, 'kept.log'), join(vm.place, 'nowhere', 'run.log')];
  const refused = await vm.run('record', vm.dir, ...vm.options, '--out', missing);
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/Cannot write the log to .*ENOENT.*\n.*\[FTVM_LOG_WRITE\]\n$/);
  writeFileSync(kept, 'kept');
  const words = ['record', vm.dir, '--image', '/nowhere', '--out'];
  expect((await vm.run(...words, kept)).status).toBe(4);
  expect((await vm.run(...words, join(vm.place, 'new.log'))).status).toBe(4);
  expect(readdirSync(vm.place)).toEqual(['kept.log']);
  expect(readFileSync(kept, 'utf8')).toBe('kept');
});

it('a recorder that is killed leaves a log that replays', async () => {
  const vm = new VmUnderTest();
  const log = join(vm.place, 'run.log');
  const recorder = vm.start('record', vm.dir, ...vm.options, '--out', log);
  await recorder.stdout.until(prompt);
  // What happened a moment ago is lost with it; what lies a second back is not.
  await recorder.shell('sleep 1');
  await recorder.kill();
  const again = await vm.run('replay', log, '--console');
  expect(again.status).toBe(0);
  expect(again.stdout.length).toBeGreaterThan(0);
  expect(recorder.stdout.text.startsWith(again.stdout)).toBe(true);
});
