// The polynomial of IEEE 802.3, bits reversed.
const polynomial = 0xedb88320;

/**
 * Eight tables of 256, one behind the other ("slicing by 8"): table k holds the remainders of a byte
 * with k bytes of zeros behind it, so eight bytes are taken in one step.
 */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
  }
  tables[byte] = remainder;
}
for (let i = 256; i < tables.length; i++) {
  const before = tables[i - 256]!;
  tables[i] = tables[before & 0xff]! ^ (before >>> 8);
}

/** CRC-32 as in Ethernet and gzip; `before` continues that of the bytes in front. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let remainder = ~before;
  let i = 0;
  for (const eightsEnd = bytes.length & ~7; i < eightsEnd; i += 8) {
    const low =
      remainder ^
      (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    remainder =
      tables[0x700 + (low & 0xff)]! ^
      tables[0x600 + ((low >>> 8) & 0xff)]! ^
      tables[0x500 + ((low >>> 16) & 0xff)]! ^
      tables[0x400 + (low >>> 24)]! ^
      tables[0x300 + bytes[i + 4]!]! ^
      tables[0x200 + bytes[i + 5]!]! ^
      tables[0x100 + bytes[i + 6]!]! ^
      tables[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) {
    remainder = tables[(remainder ^ bytes[i]!) & 0xff]! ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
}
