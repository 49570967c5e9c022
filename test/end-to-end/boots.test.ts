import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { greeting, tinyInitrd } from './guest-init.js';
import { hostHas } from './host-tools.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

const image = new URL('../../images/linux/', import.meta.url);
const unpacked = (name: string): Buffer => brotliDecompressSync(readFileSync(new URL(name, image)));

/** The shipped kernel without its multiboot header, so that it boots as a bzImage, by the BIOS. */
function bzImage(): Buffer {
  const kernel = unpacked('vmlinuz.br');
  const magic = Buffer.from([0x02, 0xb0, 0xad, 0x1b]);
  for (let at = kernel.indexOf(magic); at >= 0 && at < 8192; at = kernel.indexOf(magic, at + 1)) {
    kernel.writeUInt32LE(0, at);
  }
  return kernel;
}

it('boots a bzImage through the BIOS with a disk of its own, in place, and fails over', async () => {
  const vm = new VmUnderTest([]);
  const [kernel, disk] = [join(vm.place, 'bzImage'), join(vm.place, 'disk.img')];
  writeFileSync(kernel, bzImage());
  writeFileSync(disk, unpacked('rootfs.ext4.br'));
  const options = ['--kernel', kernel, '--disk', disk, '--append', 'root=/dev/sda rw quiet'];
  const primary = vm.primary(...options, '--memory', '64');
  await primary.stdout.until(prompt);
  expect(JSON.parse(readFileSync(join(vm.dir, 'vm.json'), 'utf8'))).toMatchObject({
    spec: { boot: { kernel: { format: 'bzimage' } }, drives: [{ name: 'hda', path: disk }] },
  });
  await primary.shell('echo written > /root/note; sync');
  expect(readFileSync(disk).includes('written')).toBe(true);
  const backup = await vm.protect();
  await primary.kill();
  await live(backup);
  expect(await backup.shell('cat /root/note')).toBe('written');
});

it.each([['multiboot'], ['bzimage']])('boots a %s kernel with an initrd', async (format) => {
  const vm = new VmUnderTest([]);
  const kernel = join(vm.place, 'kernel');
  const initrd = join(vm.place, 'initrd');
  writeFileSync(kernel, format === 'bzimage' ? bzImage() : unpacked('vmlinuz.br'));
  writeFileSync(initrd, tinyInitrd());
  const options = ['--kernel', kernel, '--initrd', initrd, '--append', 'quiet', '--memory', '80'];
  const primary = vm.primary(...options);
  await primary.stdout.until(new RegExp(greeting));
  await primary.ask('anybody there', /anybody there\r\n[^]*anybody there\r\n/);
});

it('mounts a CD-ROM', async (context) => {
  const maker = ['xorrisofs', 'genisoimage', 'mkisofs'].find((name) => hostHas(name, '-version'));
  if (maker === undefined) return context.skip('no program here makes ISO images');
  const vm = new VmUnderTest();
  const [folder, iso] = [join(vm.place, 'cd'), join(vm.place, 'cd.iso')];
  execFileSync('mkdir', [folder]);
  writeFileSync(join(folder, 'readme.txt'), 'from the disc\n');
  execFileSync(maker, ['-quiet', '-R', '-o', iso, folder], { stdio: 'ignore' });
  const primary = await vm.booted('--image', 'linux', '--cdrom', iso);
  const before = readFileSync(iso);
  await primary.shell('mkdir -p /tmp/cd; mount -t iso9660 /dev/sr0 /tmp/cd');
  expect(await primary.shell('cat /tmp/cd/readme.txt')).toBe('from the disc');
  const backup = await vm.protect();
  await primary.kill();
  await live(backup);
  await backup.shell('echo 3 > /proc/sys/vm/drop_caches');
  expect(await backup.shell('cat /tmp/cd/readme.txt')).toBe('from the disc');
  expect(await backup.shell('dd if=/dev/zero of=/dev/sr0 count=1 2>&1')).toMatch(
    /error|read-only/i,
  );
  expect(readFileSync(iso).equals(before)).toBe(true);
});

it.each([
  ['ne2k', '16'],
  ['virtio', '256'],
  ['none', '64'],
])('runs and fails over with network card %s and %s MiB', async (nic, memory) => {
  const vm = new VmUnderTest(['--nic', nic, '--memory', memory]);
  const primary = await vm.booted();
  const cards = Number(await primary.shell('ls /sys/class/net | grep -c eth'));
  expect(cards).toBe(nic === 'none' ? 0 : 1);
  const kiB = Number(/MemTotal: +(\d+) kB/.exec(await primary.shell('cat /proc/meminfo'))?.[1]);
  expect(kiB / 1024).toBeGreaterThan(Number(memory) * 0.6);
  expect(kiB / 1024).toBeLessThanOrEqual(Number(memory));
  const backup = await vm.protect();
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo up')).toBe('up');
});

it('runs and fails over without the compiler', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--no-jit']);
  const primary = await vm.booted();
  const backup = await vm.protect();
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo up')).toBe('up');
});
