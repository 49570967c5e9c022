import type { Ipv4Packet } from './ipv4-packet.js';
import { copyOf } from './wire-bytes.js';

interface Pieces {
  readonly parts: Ipv4Packet[];
  bytes: number;
  /** Of the whole payload; null until the last fragment is here. */
  totalBytes: number | null;
  readonly firstAtMs: number;
}

const PACKETS_MAX = 16;
const PARTS_MAX = 64;
const BYTES_MAX = 65_535;
// RFC 1122 §3.3.2 has 60 to 120 s for the Internet; on one hop what is late is lost.
const PATIENCE_MS = 5_000;

/**
 * Puts fragmented packets together again: large UDP datagrams of guests.
 *
 * Shape:  a few packets at a time, each of a few fragments; the oldest goes first.
 * Errors: overlapping fragments are an attack and end their packet (RFC 5722, said of IPv6).
 */
export class Ipv4Reassembly {
  readonly #packets = new Map<string, Pieces>();
  /** Packets that never became whole. */
  dropped = 0;

  /** The whole packet if it is one, or has become one; null while fragments are missing. */
  take(packet: Ipv4Packet, nowMs: number): Ipv4Packet | null {
    if (packet.fragmentAt === 0 && !packet.moreFragments) return packet;
    const { source, destination, protocol, identification } = packet;
    const key = `${source} ${destination} ${protocol} ${identification}`;
    const pieces = this.#packets.get(key) ?? this.#begin(key, nowMs);
    if (!isPlausible(pieces, packet)) {
      this.#drop(key);
      return null;
    }
    // Copies: a view would keep the whole message alive that the frame came in.
    pieces.parts.push({ ...packet, payload: copyOf(packet.payload), quote: copyOf(packet.quote) });
    pieces.bytes += packet.payload.byteLength;
    if (!packet.moreFragments) pieces.totalBytes = packet.fragmentAt + packet.payload.byteLength;
    if (pieces.bytes !== pieces.totalBytes) return null;
    this.#packets.delete(key);
    return join(pieces.parts, pieces.bytes);
  }

  #begin(key: string, nowMs: number): Pieces {
    for (const [old, { firstAtMs }] of this.#packets) {
      const isOver = nowMs - firstAtMs > PATIENCE_MS || this.#packets.size >= PACKETS_MAX;
      if (!isOver) break;
      this.#drop(old);
    }
    const pieces: Pieces = { parts: [], bytes: 0, totalBytes: null, firstAtMs: nowMs };
    this.#packets.set(key, pieces);
    return pieces;
  }

  #drop(key: string): void {
    this.#packets.delete(key);
    this.dropped += 1;
  }
}

function isPlausible(pieces: Pieces, { fragmentAt, moreFragments, payload }: Ipv4Packet): boolean {
  const end = fragmentAt + payload.byteLength;
  if (payload.byteLength === 0 || (moreFragments && payload.byteLength % 8 !== 0)) return false;
  if (end > BYTES_MAX || pieces.parts.length >= PARTS_MAX) return false;
  if (pieces.totalBytes !== null && (!moreFragments || end > pieces.totalBytes)) return false;
  // What says it is the last must end behind all that came before it.
  const farthest = Math.max(...pieces.parts.map((part) => part.fragmentAt));
  if (!moreFragments && fragmentAt < farthest) return false;
  return pieces.parts.every(
    (part) => end <= part.fragmentAt || fragmentAt >= part.fragmentAt + part.payload.byteLength,
  );
}

function join(parts: readonly Ipv4Packet[], bytes: number): Ipv4Packet | null {
  const payload = new Uint8Array(bytes);
  for (const part of parts) payload.set(part.payload, part.fragmentAt);
  const first = parts.find((part) => part.fragmentAt === 0);
  return first ? { ...first, moreFragments: false, payload } : null;
}
