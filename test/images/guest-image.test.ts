import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { brotliDecompressSync } from 'node:zlib';
import { V86 } from 'v86';
import { afterEach, describe, expect, it } from 'vitest';

const images = new URL('../../images/', import.meta.url);

interface FileEntry {
  readonly bytes: number;
  readonly sha256: string;
  readonly uncompressedBytes?: number;
  readonly uncompressedSha256?: string;
}
interface Manifest {
  readonly files: Record<string, FileEntry>;
  readonly sources: readonly { package: string; version: string }[];
}
interface LinuxManifest extends Manifest {
  readonly boot: { multiboot: string; bzimage: string; cmdline: string };
  readonly disk: string;
  readonly acpi: boolean;
  readonly memoryMiB: number;
  readonly prompt: string;
  readonly ready: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(new URL(path, images), 'utf8'));
const linux = readJson('linux/image.json') as LinuxManifest;
const bios = readJson('bios/bios.json') as Manifest & { bios: string; vgaBios: string };
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const linuxFile = (name: string): Buffer =>
  brotliDecompressSync(readFileSync(new URL(`linux/${name}`, images)));

/** The few fields of an ext4 superblock that tell how the disk was left. */
function superblock(disk: Uint8Array) {
  const view = new DataView(disk.buffer, disk.byteOffset + 1024, 1024);
  return {
    magic: view.getUint16(0x38, true),
    wasUnmounted: (view.getUint16(0x3a, true) & 1) !== 0,
    hasJournal: (view.getUint32(0x5c, true) & 4) !== 0,
    needsRecovery: (view.getUint32(0x60, true) & 4) !== 0,
  };
}

describe('manifests', () => {
  it.each([
    ['linux', linux as Manifest],
    ['bios', bios as Manifest],
  ])('%s: each file is the one that is listed', (folder, { files }) => {
    const there = readdirSync(new URL(`${folder}/`, images)).filter(
      (name) => !name.endsWith('.json'),
    );
    expect(there.sort()).toEqual(Object.keys(files).sort());
    for (const [name, entry] of Object.entries(files)) {
      const bytes = readFileSync(new URL(`${folder}/${name}`, images));
      expect({ bytes: bytes.length, sha256: sha256(bytes) }).toMatchObject({
        bytes: entry.bytes,
        sha256: entry.sha256,
      });
      if (entry.uncompressedBytes === undefined) continue;
      const unpacked = brotliDecompressSync(bytes);
      expect(unpacked.length).toBe(entry.uncompressedBytes);
      expect(sha256(unpacked)).toBe(entry.uncompressedSha256);
    }
  });

  it('names files that are there', () => {
    const named = [linux.boot.multiboot, linux.boot.bzimage, linux.disk];
    expect(Object.keys(linux.files)).toEqual(expect.arrayContaining(named));
    expect(Object.keys(bios.files)).toEqual(expect.arrayContaining([bios.bios, bios.vgaBios]));
  });

  it('lists each package with its version in SOURCES, and has a licence for it', () => {
    const lines = readFileSync(new URL('licences/SOURCES', images), 'utf8').split('\n');
    for (const { package: name, version } of [...linux.sources, ...bios.sources]) {
      const columns = lines.map((line) => line.split(/ +/)).find(([first]) => first === name);
      expect(columns?.[1]).toBe(version);
      expect(statSync(new URL(`licences/${columns?.[2]}.txt`, images)).size).toBeGreaterThan(0);
    }
  });
});

describe('files', () => {
  it('the kernel is multiboot and bzImage in one, in whole words as v86 wants it', () => {
    const kernel = linuxFile(linux.boot.multiboot);
    const multibootAt = kernel.indexOf(Buffer.from([0x02, 0xb0, 0xad, 0x1b]));
    expect(multibootAt).toBeLessThan(8192);
    expect(multibootAt % 4).toBe(0);
    expect(kernel.toString('latin1', 0x202, 0x206)).toBe('HdrS');
    expect(kernel.length % 4).toBe(0);
  });

  it('the disk is a clean ext4 with a journal', () => {
    expect(superblock(linuxFile(linux.disk))).toEqual({
      magic: 0xef53,
      wasUnmounted: true,
      hasJournal: true,
      needsRecovery: false,
    });
  });
});

/** A guest in plain v86: a console to type to, a disk in memory. */
class Guest {
  readonly disk: Buffer;
  isHalted = false;
  #output = '';
  #seenTo = 0;
  readonly #emulator: V86;

  constructor(
    commandLine: string,
    { withBios = false, acpi = linux.acpi, disk = linuxFile(linux.disk) } = {},
  ) {
    this.disk = disk;
    const file = (bytes: Uint8Array) => ({ buffer: Uint8Array.from(bytes).buffer });
    const biosFile = (name: string) => file(readFileSync(new URL(`bios/${name}`, images)));
    const kernel = file(linuxFile(linux.boot.multiboot));
    this.#emulator = new V86({
      wasm_path: createRequire(import.meta.url)
        .resolve('v86')
        .replace(/[^/\\]*$/, 'v86.wasm'),
      memory_size: linux.memoryMiB * 2 ** 20,
      vga_memory_size: 2 * 2 ** 20,
      ...(withBios
        ? { bios: biosFile(bios.bios), vga_bios: biosFile(bios.vgaBios), bzimage: kernel }
        : { multiboot: kernel }),
      hda: driveOf(disk),
      cmdline: `${linux.boot.cmdline} ${commandLine}`,
      acpi,
      net_device: { type: 'virtio' },
      disable_speaker: true,
      disable_keyboard: true,
      disable_mouse: true,
      autostart: true,
    });
    this.#emulator.add_listener('serial0-output-byte', (byte: number) => {
      this.#output += String.fromCharCode(byte);
    });
    this.#emulator.add_listener('cpu-event-halt', () => (this.isHalted = true));
  }

  /** Waits for `pattern` in what came since the last wait, and returns all of that. */
  async says(pattern: RegExp | string): Promise<string> {
    const wanted = new RegExp(pattern);
    await this.until(() => wanted.test(this.#output.slice(this.#seenTo)), String(pattern));
    const text = this.#output.slice(this.#seenTo);
    this.#seenTo = this.#output.length;
    return text.replaceAll('\r', '');
  }
  async until(isTrue: () => boolean, what: string): Promise<void> {
    for (let waitedMs = 0; !isTrue(); waitedMs += 10) {
      if (waitedMs > 60_000) throw new Error(`no ${what} after:\n${this.#output.slice(-1000)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  types(text: string): void {
    this.#emulator.serial0_send(text);
  }
  async runs(command: string): Promise<string> {
    this.types(`${command}\n`);
    return await this.says(linux.prompt);
  }
  async close(): Promise<void> {
    await this.#emulator.destroy();
  }
}

/** The disk as v86 wants it. It answers a moment later, as v86 expects of a disk. */
function driveOf(bytes: Buffer) {
  const copy = (offset: number, length: number) =>
    Uint8Array.from(bytes.subarray(offset, offset + length));
  const drive = {
    byteLength: bytes.length,
    onload: undefined as (() => void) | undefined,
    load: () => drive.onload?.(),
    get: (offset: number, length: number, done: (data: Uint8Array) => void) =>
      setImmediate(() => done(copy(offset, length))),
    set: (offset: number, data: Uint8Array, done: () => void) => {
      bytes.set(data, offset);
      setImmediate(done);
    },
    get_and_cache: (offset: number, length: number, done: (data: Uint8Array) => void) =>
      done(copy(offset, length)),
    get_from_cache: copy,
    get_buffer: (done: () => void) => done(),
    get_state: () => [],
    set_state: () => undefined,
  };
  return drive;
}

describe('the guest', () => {
  const open: Guest[] = [];
  const boot = (...args: ConstructorParameters<typeof Guest>): Guest => {
    const guest = new Guest(...args);
    open.push(guest);
    return guest;
  };
  afterEach(async () => {
    for (const guest of open.splice(0)) await guest.close();
  });

  it('boots to a shell that asks the terminal nothing, and Ctrl-C ends a program', async () => {
    const guest = boot('');
    const greeting = await guest.says(linux.prompt);
    expect(greeting).toContain(linux.ready);
    expect(greeting).not.toContain('\x1b');
    guest.types('sleep 1000\n');
    await guest.says(/sleep 1000\r\n/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    guest.types('\x03');
    await guest.says(linux.prompt);
    expect(await guest.runs('echo $((6 * 7))')).toContain('42');
  });

  // A PIT wakes an idle Linux each 27 ms.
  it.each([
    ['the local APIC', true, 'lapic'],
    ['the PIT in a machine without', false, 'pit'],
  ])('is woken by %s', async (_, acpi, timer) => {
    const guest = boot('', { acpi });
    await guest.says(linux.prompt);
    const device = '/sys/devices/system/clockevents/clockevent0/current_device';
    expect(await guest.runs(`cat ${device}`)).toContain(`\n${timer}\n`);
  });

  it('powers off: clean disk, CPU halted for good', async () => {
    const guest = boot('services=redis');
    await guest.says(linux.prompt);
    expect(await guest.runs('redis-cli set key kept')).toContain('OK');
    expect(superblock(guest.disk).needsRecovery).toBe(true);
    guest.types('poweroff\n');
    await guest.until(() => guest.isHalted, 'halt');
    expect(superblock(guest.disk)).toMatchObject({ wasUnmounted: true, needsRecovery: false });

    const next = boot('services=redis', { disk: guest.disk });
    await next.says(linux.prompt);
    expect(await next.runs('redis-cli get key')).toContain('kept');
  });

  it('boots through the BIOS too', async () => {
    await boot('', { withBios: true }).says(linux.prompt);
  });

  it('counts on the console, and keeps what it synced through a power cut', async () => {
    const guest = boot('app=counter');
    expect(await guest.says(/counter ready\r\n$/)).toBe('counter ready\n');
    guest.types('inc\nadd 40\ninc\nget\nsync\nadd x\ninc\n');
    expect(await guest.says(/count 43/)).toBe(
      [
        'count 1',
        'count 41',
        'count 42',
        'count 42',
        'synced 42',
        'error: inc, add K, get, sync or quit',
        'count 43\n',
      ].join('\n'),
    );
    const next = boot('app=counter', { disk: Buffer.from(guest.disk) });
    await next.says(/counter ready\r\n/);
    next.types('get\n');
    expect(await next.says(/count \d+\r\n/)).toBe('count 42\n');
    next.types('quit\n');
    await next.says(linux.prompt);
  });

  it('has on its disk every record that it called synced', async () => {
    const guest = boot('app=fsyncer,/root/records,1000');
    await guest.says(/synced 50\r\n/);
    const disk = Buffer.from(guest.disk);
    const next = boot('', { disk });
    await next.says(linux.prompt);
    const found = /intact (\d+)/.exec(await next.runs('fsyncer -c /root/records'));
    expect(Number(found?.[1])).toBeGreaterThanOrEqual(50);
  });

  it('serves redis, web pages and ssh when told to', async () => {
    const guest = boot('ip=10.0.2.15/24 gw=10.0.2.2 services=redis,httpd,sshd redisfsync=always');
    const greeting = await guest.says(linux.prompt);
    for (const service of ['redis', 'httpd', 'sshd'])
      expect(greeting).toContain(`${service} ready`);
    expect(await guest.runs('redis-cli config get appendfsync')).toContain('always');
    expect(await guest.runs('wget -qO- http://10.0.2.15/')).toContain('It works');
    expect(await guest.runs('nc 127.0.0.1 22 < /dev/null | head -n 1')).toContain('SSH-2.0');
    expect(await guest.runs('ip route')).toContain('default via 10.0.2.2');
    expect(await guest.runs("sqlite3 :memory: 'select 6 * 7'")).toContain('42');
  });
});
