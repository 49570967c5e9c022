export interface CpioEntry {
  readonly name: string;
  /** File type and permissions, as in stat. */
  readonly mode: number;
  readonly data: Buffer;
  /** Major and minor of a device. */
  readonly device?: readonly [number, number];
}

/** An archive as the kernel unpacks it into its initial file system ("newc"). */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const console = { name: 'dev/console', mode: 0o020600, data: Buffer.alloc(0), device: [5, 1] };
  const folder = { name: 'dev', mode: 0o040755, data: Buffer.alloc(0) };
  const end = { name: 'TRAILER!!!', mode: 0, data: Buffer.alloc(0) };
  const all = [folder, console as CpioEntry, ...entries, end];
  return Buffer.concat(all.map((entry, at) => encode(entry, at + 1)));
}

function encode({ name, mode, data, device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`070701${hex}${name}\0`)), padded(data)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
