import { cpio } from './cpio.js';

/** What the program of `tinyInitrd` says first. */
export const greeting = 'hello from the initrd';

/** An initial file system whose only program greets, and then repeats every line typed to it. */
export function tinyInitrd(): Buffer {
  return cpio([{ name: 'init', mode: 0o100755, data: initProgram() }]);
}

const base = 0x08048000;
const headersBytes = 84;

/** A static i386 program, without a compiler. */
function initProgram(): Buffer {
  const text = Buffer.from(`${greeting}\n`);
  const word = (value: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes.toString('hex');
  };
  const code = (textAt: number, bufferAt: number): Buffer =>
    Buffer.from(
      [
        'b804000000 bb01000000', // write(1, text, length)
        `b9${word(textAt)} ba${word(text.length)} cd80`,
        'b803000000 31db', // again: length = read(0, buffer, 64)
        `b9${word(bufferAt)} ba40000000 cd80`,
        '89c2 b804000000 bb01000000', // write(1, buffer, length)
        `b9${word(bufferAt)} cd80`,
        'ebd8', // jmp again
      ]
        .join('')
        .replaceAll(' ', ''),
      'hex',
    );
  const codeBytes = code(0, 0).byteLength;
  const textAt = base + headersBytes + codeBytes;
  const fileBytes = headersBytes + codeBytes + text.length;
  const headers = Buffer.alloc(headersBytes);
  headers.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const fields: [at: number, value: number, bytes: 2 | 4][] = [
    [16, 2, 2], // an executable
    [18, 3, 2], // for the 386
    [20, 1, 4],
    [24, base + headersBytes, 4], // where it begins
    [28, 52, 4], // where the program headers are
    [40, 52, 2],
    [42, 32, 2],
    [44, 1, 2], // one of them:
    [52, 1, 4], // load
    [60, base, 4],
    [64, base, 4],
    [68, fileBytes, 4],
    [72, fileBytes + 64, 4], // with room for the buffer
    [76, 7, 4],
    [80, 0x1000, 4],
  ];
  for (const [at, value, bytes] of fields) headers.writeUIntLE(value, at, bytes);
  return Buffer.concat([headers, code(textAt, textAt + text.length), text]);
}
