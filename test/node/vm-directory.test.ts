import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createVm, openVm } from '../../src/node/vm-directory.js';
import type { VmOptions } from '../../src/node/vm-options.js';
import { madeUpDisk, writeMadeUpImage } from './made-up-image.js';
import { bzImage, multibootFile } from './made-up-kernels.js';
import { rejection, scratchDir } from './scratch.js';

let scratch: string;
let image: string;
let dir: string;
beforeEach(() => {
  scratch = scratchDir();
  image = writeMadeUpImage(join(scratch, 'image'));
  dir = join(scratch, 'vm');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A file of the user's. */
function userFile(name: string, data: Buffer | string): string {
  const path = join(scratch, name);
  writeFileSync(path, data);
  return path;
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  const error = await rejection(attempt);
  expect(error).toHaveProperty('remedy');
  return (error as { code: string }).code;
}

/** What stands beside the image in the scratch directory: no draft must be left. */
const leftovers = (): string[] => readdirSync(scratch).filter((name) => name.includes('creating'));

describe('a new VM from an image', () => {
  it('has its files unpacked, and a machine that fits them', async () => {
    const progress: [string, number, number][] = [];
    const vm = await createVm(dir, { image }, (...step) => progress.push(step));
    expect(vm).toMatchObject({
      name: 'vm',
      dir,
      generationsDir: join(dir, 'generations'),
      image: { name: 'tiny', prompt: 'guest:[^\\n]*# $', ready: 'guest ready' },
      services: [],
      spec: {
        memoryMiB: 64,
        vgaMemoryMiB: 2,
        nic: {
          model: 'virtio',
          mac: expect.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/) as string,
        },
        boot: {
          bios: null,
          vgaBios: null,
          kernel: { format: 'multiboot', file: { path: join(dir, 'boot/kernel'), bytes: 16384 } },
          initrd: null,
          commandLine: 'root=/dev/sda ip=10.0.2.15/24 gw=10.0.2.2 dns=10.0.2.3',
        },
        // Whole sectors, as the guest sees it.
        drives: [{ name: 'hda', path: join(dir, 'disk/hda.img'), bytes: 5 * 1024 * 1024 + 512 }],
        acpi: false,
        jit: true,
      },
    });
    expect(vm.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(readFileSync(join(dir, 'boot/kernel'))).toEqual(multibootFile(64));
    expect(Buffer.compare(readFileSync(join(dir, 'disk/hda.img')), madeUpDisk())).toBe(0);
    expect(statSync(join(dir, 'disk/hda.img')).blocks * 512).toBeLessThan(100 * 1024);
    const total = madeUpDisk().byteLength;
    expect(progress.at(-1)).toEqual(['disk', total, total]);
    expect(readdirSync(dir).sort()).toEqual(['boot', 'disk', 'generations', 'vm.json']);
    expect(leftovers()).toEqual([]);
  });

  it('is opened again as the same, also from another place', async () => {
    const created = await createVm(dir, { image });
    expect(await openVm(dir)).toEqual(created);
    expect(await createVm(dir)).toEqual(created);
    const elsewhere = join(scratch, 'mounted-elsewhere');
    renameSync(dir, elsewhere);
    const moved = await openVm(elsewhere);
    expect(moved.id).toBe(created.id);
    expect(moved.spec.drives[0]?.path).toBe(join(elsewhere, 'disk/hda.img'));
  });

  it('shares nothing that should be its own with another one', async () => {
    const [a, b] = [await createVm(dir, { image }), await createVm(`${dir}2`, { image })];
    expect(a.id).not.toBe(b.id);
    expect(a.spec.nic?.mac).not.toBe(b.spec.nic?.mac);
    expect(a.spec.chanceSeed).not.toBe(b.spec.chanceSeed);
  });

  it('passes on services and own words to the guest', async () => {
    const services = ['redis', 'httpd'];
    const vm = await createVm(dir, { image, services, append: 'quiet net=dhcp' });
    expect(vm.services).toEqual(services);
    expect(vm.spec.boot.commandLine).toBe('root=/dev/sda services=redis,httpd quiet net=dhcp');
  });

  it('has the ACPI that its image asks for', async () => {
    writeMadeUpImage(image, (manifest) => ({ ...manifest, acpi: true }));
    expect((await createVm(dir, { image })).spec.acpi).toBe(true);
    expect((await openVm(dir)).spec.acpi).toBe(true);
  });

  it('gets no address without a network card', async () => {
    const vm = await createVm(dir, { image, nic: 'none', memoryMiB: 32, acpi: true, jit: false });
    expect(vm.spec).toMatchObject({ nic: null, memoryMiB: 32, acpi: true, jit: false });
    expect(vm.spec.boot.commandLine).toBe('root=/dev/sda');
  });

  it('may be made in an empty directory, and under one that is not there yet', async () => {
    mkdirSync(dir);
    expect((await createVm(dir, { image })).dir).toBe(dir);
    const deep = join(scratch, 'a', 'b', 'vm');
    expect((await createVm(deep, { image })).dir).toBe(deep);
  });
});

describe('the shipped image', () => {
  it('is what a VM is made from when nothing is named, whole and undamaged', async () => {
    const vm = await createVm(dir, { services: ['redis', 'httpd', 'sshd'] });
    expect(vm.image?.name).toBe('linux');
    expect(vm.spec.boot.kernel?.format).toBe('multiboot');
    expect(vm.spec.boot.commandLine).toContain('services=redis,httpd,sshd');
    expect(vm.spec.drives.map(({ name }) => name)).toEqual(['hda']);
  });
});

describe('a new VM from the files of its owner', () => {
  it('starts a multiboot kernel without a BIOS', async () => {
    const kernel = userFile('kernel', multibootFile(64));
    const initrd = userFile('initrd.gz', 'cpio');
    const vm = await createVm(dir, { kernel, initrd, append: 'debug' });
    expect(vm.image).toBeNull();
    expect(vm.spec).toMatchObject({ memoryMiB: 128, drives: [] });
    expect(vm.spec.boot).toMatchObject({
      bios: null,
      kernel: { format: 'multiboot', file: { path: join(dir, 'boot/kernel') } },
      initrd: { path: join(dir, 'boot/initrd'), bytes: 4 },
      commandLine: 'console=ttyS0 debug',
    });
    // A copy: the original may go away.
    rmSync(kernel);
    await openVm(dir);
  });

  it('starts a bzImage through SeaBIOS, with its own disk', async () => {
    const kernel = userFile('bzImage', bzImage());
    const disk = userFile('disk.img', Buffer.alloc(1000));
    symlinkSync(disk, join(scratch, 'link.img'));
    const vm = await createVm(dir, { kernel, disk: join(scratch, 'link.img') });
    expect(vm.spec.boot.kernel?.format).toBe('bzimage');
    expect(vm.spec.boot.bios?.bytes).toBe(131072);
    expect(vm.spec.boot.vgaBios).toBeNull();
    expect(vm.spec.drives).toEqual([{ name: 'hda', path: disk, bytes: 1024 }]);
  });

  it('boots a disk or a CD through SeaBIOS and the BIOS of its screen', async () => {
    const cdrom = userFile('install.iso', Buffer.alloc(4096));
    chmodSync(cdrom, 0o444);
    const vm = await createVm(dir, { cdrom });
    expect(vm.spec).toMatchObject({
      vgaMemoryMiB: 8,
      drives: [{ name: 'cdrom', path: cdrom, bytes: 4096 }],
      boot: { kernel: null, commandLine: '' },
    });
    expect(vm.spec.boot.bios).not.toBeNull();
    expect(vm.spec.boot.vgaBios).not.toBeNull();
    const disk = userFile('disk.img', Buffer.alloc(1024));
    const both = await createVm(`${dir}2`, { disk, cdrom });
    expect(both.spec.drives.map(({ name }) => name)).toEqual(['hda', 'cdrom']);
  });

  it('keeps the disk of an image that is named too', async () => {
    const disk = userFile('data.img', Buffer.alloc(1024));
    const kernel = userFile('bzImage', bzImage());
    const vm = await createVm(dir, { image, kernel, disk });
    expect(vm.spec.drives.map(({ name }) => name)).toEqual(['hda', 'hdb']);
    expect(vm.spec.boot).toMatchObject({
      kernel: { format: 'bzimage' },
      commandLine: expect.stringContaining('root=/dev/sda') as string,
    });
  });
});

describe('options that make no VM', () => {
  const cases: [string, (file: typeof userFile) => VmOptions, string, string][] = [
    ['too little memory', () => ({ memoryMiB: 11 }), 'FTVM_MEMORY_SIZE', '11 MiB'],
    ['too much memory', () => ({ memoryMiB: 3073 }), 'FTVM_MEMORY_SIZE', '3073 MiB'],
    ['half a MiB', () => ({ memoryMiB: 64.5 }), 'FTVM_MEMORY_SIZE', '64.5 MiB'],
    ['memory that is no number', () => ({ memoryMiB: NaN }), 'FTVM_MEMORY_SIZE', 'NaN'],
    ['less than the image needs', () => ({ image, memoryMiB: 15 }), 'FTVM_MEMORY_SIZE', 'tiny'],
    [
      'a bzImage and no room for its initrd',
      (file) => ({ kernel: file('k', bzImage()), initrd: file('i', 'x'), memoryMiB: 64 }),
      'FTVM_MEMORY_SIZE',
      'initrd above 64 MiB',
    ],
    ['a kernel that is none', (file) => ({ kernel: file('k', 'x') }), 'FTVM_KERNEL_FORMAT', 'k'],
    ['an empty kernel', (file) => ({ kernel: file('k', '') }), 'FTVM_OPTION_FILE', 'empty'],
    ['a missing kernel', () => ({ kernel: '/nowhere/k' }), 'FTVM_OPTION_FILE', '/nowhere/k'],
    ['a missing disk', () => ({ disk: '/nowhere/d' }), 'FTVM_OPTION_FILE', '--disk /nowhere/d'],
    ['a disk that is a directory', () => ({ disk: scratch }), 'FTVM_OPTION_FILE', 'EISDIR'],
    [
      'a CD that is a device',
      () => ({ cdrom: '/dev/null' }),
      'FTVM_OPTION_FILE',
      'no regular file',
    ],
    ['an empty disk', (file) => ({ disk: file('d', '') }), 'FTVM_OPTION_FILE', 'empty'],
    ['an initrd for a drive', () => ({ disk: 'd', initrd: 'i' }), 'FTVM_VM_OPTIONS', '--initrd'],
    ['words for a drive', () => ({ cdrom: 'c', append: 'quiet' }), 'FTVM_VM_OPTIONS', '--append'],
    ['a screen for an image', () => ({ console: 'screen' }), 'FTVM_VM_OPTIONS', '--console'],
    ['an unknown service', () => ({ image, services: ['ftp'] }), 'FTVM_VM_OPTIONS', 'ftp'],
    [
      'a service of a kernel',
      (file) => ({ kernel: file('k', multibootFile(0)), services: ['redis'] }),
      'FTVM_VM_OPTIONS',
      '--service',
    ],
    ['an unknown image', () => ({ image: 'nosuch' }), 'FTVM_IMAGE_MISSING', 'nosuch'],
    ['a directory without an image', () => ({ image: '/' }), 'FTVM_IMAGE_MISSING', 'image /'],
  ];
  it.each(cases)('%s', async (_, options, code, words) => {
    const error = await rejection(createVm(dir, options(userFile)));
    expect(error).toMatchObject({ code, remedy: expect.stringMatching(/\.$/) as string });
    expect(String(error)).toContain(words);
    expect(existsSync(dir)).toBe(false);
    expect(leftovers()).toEqual([]);
  });
});

describe('a damaged image', () => {
  type Manifest = Record<string, unknown> & { files: Record<string, Record<string, unknown>> };
  const spoil = (change: (manifest: Manifest) => unknown): void => {
    writeMadeUpImage(image, (manifest) => change(manifest as Manifest) ?? manifest);
  };
  const file = (name: string): string => join(image, name);
  const cases: [string, () => void, string, string][] = [
    ['another kernel', () => writeFileSync(file('vmlinuz.gz'), 'x'), 'FTVM_IMAGE_FILE', 'damaged'],
    ['a shorter disk', () => truncateSync(file('rootfs.ext4.br'), 30), 'FTVM_IMAGE_FILE', 'rootfs'],
    ['no disk', () => rmSync(file('rootfs.ext4.br')), 'FTVM_IMAGE_FILE', 'cannot be read'],
    [
      'a word where there is a flag',
      () => spoil((manifest) => ({ ...manifest, acpi: 'yes' })),
      'FTVM_IMAGE_MANIFEST',
      'acpi',
    ],
    [
      'a wrong hash of the packed file',
      () => spoil(({ files }) => void (files['vmlinuz.gz']!.sha256 = '0'.repeat(64))),
      'FTVM_IMAGE_FILE',
      'has sha256',
    ],
    [
      'a wrong hash of the unpacked file',
      () =>
        spoil(({ files }) => void (files['rootfs.ext4.br']!.uncompressedSha256 = '1'.repeat(64))),
      'FTVM_IMAGE_FILE',
      'has sha256',
    ],
    [
      'more than its description promises',
      () => spoil(({ files }) => void (files['rootfs.ext4.br']!.uncompressedBytes = 1000)),
      'FTVM_IMAGE_FILE',
      'longer than',
    ],
    [
      'less than its description promises',
      () => spoil(({ files }) => void (files['rootfs.ext4.br']!.uncompressedBytes = 10 ** 9)),
      'FTVM_IMAGE_FILE',
      '1000000000',
    ],
    ['no JSON', () => writeFileSync(file('image.json'), '{'), 'FTVM_IMAGE_MANIFEST', 'image.json'],
    ['no kernel', () => spoil((m) => ({ ...m, boot: {} })), 'FTVM_IMAGE_MANIFEST', 'boot.bzimage'],
    ['a way out', () => spoil((m) => ({ ...m, disk: '../x' })), 'FTVM_IMAGE_MANIFEST', 'disk'],
    ['an unlisted file', () => spoil((m) => ({ ...m, disk: 'y' })), 'FTVM_IMAGE_MANIFEST', 'files'],
    ['a wrong name', () => spoil((m) => ({ ...m, name: 7 })), 'FTVM_IMAGE_MANIFEST', 'name'],
  ];
  it.each(cases)('is found out: %s', async (_, damage, code, words) => {
    damage();
    const error = await rejection(createVm(dir, { image }));
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(words);
    expect(existsSync(dir)).toBe(false);
    expect(leftovers()).toEqual([]);
  });
});

describe('the directory', () => {
  it('is refused where it cannot be', async () => {
    const path = userFile('file', '');
    expect(await codeOf(createVm(path, { image }))).toBe('FTVM_VM_DIR_NOT_DIRECTORY');
    expect(await codeOf(openVm(path))).toBe('FTVM_VM_DIR_NOT_DIRECTORY');
    expect(await codeOf(createVm(join(path, 'vm'), { image }))).toBe('FTVM_VM_DIR_NOT_DIRECTORY');
    symlinkSync(join(scratch, 'nowhere', 'at-all'), join(scratch, 'dangling'));
    for (const odd of ['/proc/vm', join(scratch, 'dangling', 'vm')]) {
      expect(await codeOf(createVm(odd, { image }))).toBe('FTVM_VM_DIR_NOT_WRITABLE');
    }
    expect(await codeOf(createVm(image, { image }))).toBe('FTVM_VM_DIR_OCCUPIED');
    expect(await codeOf(openVm(join(scratch, 'nothing')))).toBe('FTVM_VM_MISSING');
    expect(await codeOf(openVm(image))).toBe('FTVM_VM_MISSING');
  });

  // Modes do not bind root.
  it.skipIf(process.getuid?.() === 0)('is refused where this user may not write', async () => {
    mkdirSync(dir, { mode: 0o555 });
    expect(await codeOf(createVm(join(dir, 'vm'), { image }))).toBe('FTVM_VM_DIR_NOT_WRITABLE');
  });

  it('is not left half made when the disk is full', async () => {
    const handle = await open('/dev/null');
    await handle.close();
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    const methods = Object.getPrototypeOf(handle) as FileHandle;
    vi.spyOn(methods, 'write').mockRejectedValue(full);
    expect(await codeOf(createVm(dir, { image }))).toBe('FTVM_VM_DIR_FULL');
    expect(existsSync(dir)).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('is made once when several processes make it at once', async () => {
    const program = fileURLToPath(new URL('create-vm.mjs', import.meta.url));
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [program, dir, image], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const outputs = children.map((child) =>
      child.stdout.setEncoding('utf8')[Symbol.asyncIterator](),
    );
    for (const output of outputs) expect((await output.next()).value).toBe('ready\n');
    for (const child of children) child.stdin.end();
    const ids: unknown[] = [];
    for (const output of outputs) ids.push((await output.next()).value);
    expect(new Set(ids)).toEqual(new Set([(await openVm(dir)).id]));
    expect(leftovers()).toEqual([]);
  });

  it('takes away the drafts of dead processes, and of no others', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const draft = (host: string, owner: number, nonce: string): string =>
      `vm.creating-${host}-${owner}-${nonce}`;
    const dead = draft(hostname(), pid, '00000001');
    const kept = [
      draft(hostname(), process.pid, '00000002'),
      draft('another-host', pid, '00000003'),
      draft(hostname(), pid, '00000004').replace('vm', 'vm2'),
    ];
    for (const name of [dead, ...kept]) {
      mkdirSync(join(scratch, name, 'disk'), { recursive: true });
      writeFileSync(join(scratch, name, 'disk', 'hda.img'), 'half');
    }
    await createVm(dir, { image });
    expect(leftovers().sort()).toEqual(kept.sort());
  });
});

describe('a VM that is not what it was', () => {
  const damaged: [string, () => void, string][] = [
    ['its kernel is gone', () => rmSync(join(dir, 'boot/kernel')), 'FTVM_BOOT_FILE_MISSING'],
    [
      'its kernel changed',
      () => truncateSync(join(dir, 'boot/kernel'), 9),
      'FTVM_BOOT_FILE_CHANGED',
    ],
    ['its disk is gone', () => rmSync(join(dir, 'disk/hda.img')), 'FTVM_DRIVE_MISSING'],
    ['its disk shrank', () => truncateSync(join(dir, 'disk/hda.img'), 999), 'FTVM_DRIVE_SIZE'],
    ['its disk grew', () => truncateSync(join(dir, 'disk/hda.img'), 10 ** 7), 'FTVM_DRIVE_SIZE'],
    [
      'nobody knows who is live',
      () => rmSync(join(dir, 'generations'), { recursive: true }),
      'FTVM_GENERATIONS_MISSING',
    ],
    [
      'vm.json is a directory',
      () => (rmSync(join(dir, 'vm.json')), mkdirSync(join(dir, 'vm.json'))),
      'FTVM_VM_UNREADABLE',
    ],
  ];
  it.each(damaged)('is not opened: %s', async (_, damage, code) => {
    await createVm(dir, { image });
    damage();
    const error = await rejection(openVm(dir));
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(dir);
    expect(await codeOf(createVm(dir, { image }))).toBe(code);
  });
});

describe('options for a VM that exists', () => {
  it('may say again what is stored', async () => {
    const services = ['httpd'];
    const cdrom = userFile('cd.iso', 'cd');
    const given: VmOptions = { image, services, memoryMiB: 48, nic: 'ne2k', append: 'a=b', cdrom };
    const created = await createVm(dir, given);
    expect(await createVm(dir, { ...given, acpi: false, jit: true })).toEqual(created);
  });

  const differing: [string, (file: typeof userFile) => VmOptions, string][] = [
    ['--memory', () => ({ memoryMiB: 65 }), 'created with --memory 64, not 65'],
    ['--nic', () => ({ nic: 'none' }), '--nic virtio, not none'],
    ['--append', () => ({ append: 'x' }), '--append (nothing), not x'],
    ['--console', () => ({ console: 'screen' }), '--console serial, not screen'],
    ['--service', () => ({ services: ['redis'] }), '--service (nothing), not redis'],
    ['--acpi', () => ({ acpi: true }), '--acpi false, not true'],
    ['--jit', () => ({ jit: false }), '--jit true, not false'],
    ['--kernel', (file) => ({ kernel: file('k', bzImage()) }), '--kernel of sha256'],
    ['--initrd', (file) => ({ image, initrd: file('i', 'x') }), '--initrd none, not of sha256'],
    ['--disk', (file) => ({ disk: file('d', 'x') }), '--disk none, not /'],
    ['--cdrom', (file) => ({ cdrom: file('c', 'x') }), '--cdrom none, not /'],
  ];
  it.each(differing)('may not say otherwise: %s', async (_, options, words) => {
    await createVm(dir, { image });
    const error = await rejection(createVm(dir, options(userFile)));
    expect(error).toMatchObject({ code: 'FTVM_VM_OPTION_DIFFERS' });
    expect(String(error)).toContain(words);
  });

  it('may not name another image', async () => {
    await createVm(dir, { image });
    const other = writeMadeUpImage(join(scratch, 'other'), (m) => ({ ...m, name: 'other' }));
    expect(await codeOf(createVm(dir, { image: other }))).toBe('FTVM_VM_OPTION_DIFFERS');
  });
});
