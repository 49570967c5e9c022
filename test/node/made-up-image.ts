import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { multibootFile } from './made-up-kernels.js';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Mostly holes, some data on both sides of a block, and a length that is no multiple of anything. */
export function madeUpDisk(): Buffer {
  const disk = Buffer.alloc(5 * 1024 * 1024 + 100);
  disk.write('superblock', 1024);
  disk.fill(0x5a, 2 * 1024 * 1024 - 10, 2 * 1024 * 1024 + 5000);
  return disk;
}

const unpacked = { 'vmlinuz.gz': multibootFile(64), 'rootfs.ext4.br': madeUpDisk() };
const packed = {
  'vmlinuz.gz': gzipSync(unpacked['vmlinuz.gz']),
  'rootfs.ext4.br': brotliCompressSync(unpacked['rootfs.ext4.br']),
};

/**
 * Writes a guest image that looks like the shipped one to `dir`; `change` may spoil its description
 * before it is written.
 */
export function writeMadeUpImage(
  dir: string,
  change: (manifest: Record<string, unknown>) => unknown = (manifest) => manifest,
): string {
  mkdirSync(dir, { recursive: true });
  const files: Record<string, unknown> = {};
  for (const name of ['vmlinuz.gz', 'rootfs.ext4.br'] as const) {
    writeFileSync(join(dir, name), packed[name]);
    files[name] = {
      bytes: packed[name].byteLength,
      sha256: sha256(packed[name]),
      uncompressedBytes: unpacked[name].byteLength,
      uncompressedSha256: sha256(unpacked[name]),
    };
  }
  const manifest = {
    name: 'tiny',
    description: 'An image for tests.',
    boot: { multiboot: 'vmlinuz.gz', cmdline: 'root=/dev/sda' },
    disk: 'rootfs.ext4.br',
    memoryMiB: 64,
    memoryMiBMin: 16,
    prompt: 'guest:[^\\n]*# $',
    ready: 'guest ready',
    arguments: { ip: 'address', gw: 'gateway', dns: 'name server' },
    services: [
      { name: 'redis', port: 6379, ready: 'redis ready' },
      { name: 'httpd', port: 80, ready: 'httpd ready' },
    ],
    files,
  };
  writeFileSync(join(dir, 'image.json'), JSON.stringify(change(manifest)));
  return dir;
}
