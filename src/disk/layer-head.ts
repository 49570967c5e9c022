import { crc32 } from '../log/crc32.js';
import type { Generation } from '../units.js';
import { LayerCorruptError } from './layer-error.js';

/**
 * The start of a layer file: what it is, and on what it lies.
 *
 * ```
 * 0        8         12       16                          a multiple of 512
 * │FTVMLAY1│ text    │ CRC-32 │ text: JSON of the head, padded with zeros │ batches (layer-batch.ts) …
 *          │ bytes   │ of it  │
 * ```
 * Layers are numbered, and each number is created once, exclusively: the next one is a test-and-set
 * among all who ever wrote. It names everything below it with its final length, so what an earlier
 * writer adds to its own file afterwards is seen by nobody, and it can add no layer of its own.
 *
 * Shape:  never changed once written. The newest number is the truth.
 * Errors: LayerCorruptError for bytes that are no head.
 */
export interface LayerHead {
  /** From 1; 0 for a merged layer, which is in no order of its own. */
  readonly number: number;
  readonly generation: Generation;
  /** The replica that writes it. */
  readonly writer: string;
  /** Drawn for each file: batches of another one are not taken for its own. */
  readonly nonce: number;
  /** Oldest first: what lies on the image, below this layer. */
  readonly below: readonly SealedLayer[];
  readonly image: ImageState;
}

/** A layer whose content is final: these bytes of the file, and no more. */
export interface SealedLayer {
  readonly name: string;
  readonly bytes: number;
}

/**
 * `still`: nobody writes to the image. `folding`: the writer of this layer copies what lies below into
 * it. `haunted`: somebody was at that when his time ended, and may still be; every sector he may write
 * is in the layers below, so nobody sees it, and they have to stay.
 */
export type ImageState = 'still' | 'folding' | 'haunted';

const magic = 'FTVMLAY1';
const fixedBytes = 16;
const blockBytes = 512;
/** A head is read in one go. */
export const headBytesMax = 64 * 1024;

export function encodeLayerHead(head: LayerHead): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(Math.ceil((fixedBytes + text.length) / blockBytes) * blockBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic));
  view.setUint32(8, text.length);
  view.setUint32(12, crc32(text));
  bytes.set(text, fixedBytes);
  return bytes;
}

/** From the first bytes of a file, at least `headBytesMax` of them if it has so many. */
export function decodeLayerHead(
  name: string,
  bytes: Uint8Array,
): { readonly head: LayerHead; readonly headBytes: number } {
  const wrong = (why: string): LayerCorruptError => new LayerCorruptError(name, why);
  if (bytes.length < fixedBytes) throw wrong('it is shorter than any head');
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== magic) throw wrong('it is no layer');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const textBytes = view.getUint32(8);
  const headBytes = Math.ceil((fixedBytes + textBytes) / blockBytes) * blockBytes;
  if (headBytes > bytes.length) throw wrong('its head is cut off');
  const text = bytes.subarray(fixedBytes, fixedBytes + textBytes);
  if (crc32(text) !== view.getUint32(12)) throw wrong('its head is damaged');
  const head = parsed(new TextDecoder().decode(text));
  if (!isLayerHead(head)) throw wrong('its head says what no version of ftvm wrote');
  return { head, headBytes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isLayerHead(value: unknown): value is LayerHead {
  if (typeof value !== 'object' || value === null) return false;
  const { number, generation, writer, nonce, below, image } = value as Record<string, unknown>;
  return (
    isCount(number) &&
    isCount(generation) &&
    typeof writer === 'string' &&
    isCount(nonce) &&
    Array.isArray(below) &&
    below.every(isSealedLayer) &&
    (image === 'still' || image === 'folding' || image === 'haunted')
  );
}

function isSealedLayer(value: unknown): value is SealedLayer {
  if (typeof value !== 'object' || value === null) return false;
  const { name, bytes } = value as Record<string, unknown>;
  return typeof name === 'string' && isLayerName(name) && isCount(bytes);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

// --- names -----------------------------------------------------------------------------------

export function layerName(number: number): string {
  return `layer-${number}`;
}
/** The number in a layer's name; 0 for any other file. */
export function layerNumberOf(name: string): number {
  const [, digits] = /^layer-([1-9]\d{0,14})$/.exec(name) ?? [];
  return digits === undefined ? 0 : Number(digits);
}

/** Merged layers carry the generation of who made them, so that each tidies up his own and older ones. */
export function mergedName(generation: Generation, nonce: number): string {
  return `merged-${generation}-${nonce.toString(16)}`;
}
export function mergedGenerationOf(name: string): Generation {
  const [, digits] = /^merged-([1-9]\d{0,14})-[0-9a-f]+$/.exec(name) ?? [];
  return digits === undefined ? 0 : Number(digits);
}

/** No path, and no file that is not ours. */
export function isLayerName(name: string): boolean {
  return layerNumberOf(name) > 0 || mergedGenerationOf(name) > 0;
}
