import { expect, it } from 'vitest';
import { kernelFormatOf } from '../../src/node/kernel-format.js';
import { bzImage, multibootFile } from './made-up-kernels.js';

it('knows multiboot anywhere in the first 8 KiB', () => {
  for (const at of [0, 4, 4096, 8192 - 12])
    expect(kernelFormatOf(multibootFile(at))).toBe('multiboot');
});

it('knows a bzImage by its setup header', () => {
  expect(kernelFormatOf(bzImage(1))).toBe('bzimage');
});

it('prefers multiboot in a file that is both', () => {
  const both = multibootFile(0x1000);
  bzImage(1).copy(both, 0, 0, 0x300);
  expect(kernelFormatOf(both)).toBe('multiboot');
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['a short file', Buffer.from('HdrS')],
  ['a zImage, which loads low', bzImage(0)],
  ['the magic number with a wrong checksum', multibootFile(64, 1)],
  ['the magic number too late', multibootFile(8192)],
  ['the magic number off its boundary', multibootFile(62)],
  ['a compressed kernel', Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(10_000)])],
])('takes %s for no kernel', (_, file) => {
  expect(kernelFormatOf(file)).toBeNull();
});
