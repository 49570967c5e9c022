import { foldSum, pseudoHeaderSum, sumOf } from '../../src/network/internet-checksum.js';

/** Repairs the checksums of a frame, so that the damage gets past the first gate. */
export function repairChecksums(frame: Uint8Array): void {
  const headerBytes = ((frame[14] ?? 0) & 15) * 4;
  const end = Math.min(frame.byteLength, 14 + (((frame[16] ?? 0) << 8) | (frame[17] ?? 0)));
  if (headerBytes < 20 || end < 14 + headerBytes) return;
  frame.set([0, 0], 24);
  const sum = foldSum(sumOf(frame, 14, 14 + headerBytes));
  frame.set([sum >> 8, sum & 255], 24);
  const at = 14 + headerBytes;
  const field = frame[23] === 6 ? at + 16 : frame[23] === 17 ? at + 6 : -1;
  if (field < 0 || field + 2 > end) return;
  const word = (from: number): number =>
    ((frame[from]! << 8) | frame[from + 1]!) * 65_536 +
    ((frame[from + 2]! << 8) | frame[from + 3]!);
  frame.set([0, 0], field);
  const pseudo = pseudoHeaderSum(word(26), word(30), frame[23]!, end - at);
  const total = foldSum(pseudo + sumOf(frame, at, end));
  frame.set([total >> 8, total & 255], field);
}
