/** A file with a multiboot header at `at` whose words add up to `sum`. */
export function multibootFile(at: number, sum = 0): Buffer {
  const file = Buffer.alloc(16384);
  const [magic, flags] = [0x1badb002, 0x10003];
  file.writeUInt32LE(magic, at);
  file.writeUInt32LE(flags, at + 4);
  file.writeUInt32LE((sum - magic - flags + 2 ** 33) % 2 ** 32, at + 8);
  return file;
}

/** A file with the setup header of a Linux kernel. */
export function bzImage(loadflags = 1): Buffer {
  const file = Buffer.alloc(4096);
  file.write('HdrS', 0x202);
  file[0x211] = loadflags;
  return file;
}
