import type { Snapshot } from '../guest/snapshot.js';
import type { ClientRow } from './superblock.js';

/** What a toy guest likes to do; the same on every replica, like the machine it runs on. */
export interface GuestMood {
  readonly seed: number;
  readonly clients: number;
  readonly diskSectors: number;
  /** Pages of memory that never change, for a state transfer to take its time. */
  readonly ballastPages: number;
  /** Probabilities per epoch. */
  readonly talkRate: number;
  readonly frameRate: number;
  readonly readRate: number;
  readonly writeRate: number;
  readonly rebootRate: number;
  readonly powerOffRate: number;
  readonly crashRate: number;
}

/** A client, its op, and the count it was given. */
export type Ack = readonly [client: number, op: number, count: number];

export interface InFlight {
  readonly id: number;
  readonly use: 'boot' | 'counter' | 'data';
  readonly acks: readonly Ack[];
}

type Arrived =
  | { readonly kind: 'typed'; readonly text: string }
  | {
      readonly kind: 'disk';
      readonly request: InFlight;
      readonly ok: boolean;
      readonly clients: readonly ClientRow[] | null;
    }
  | { readonly kind: 'power' }
  | { readonly kind: 'reset' };

/** All of a toy guest; plain JSON. */
export interface ToyMemory {
  epoch: number;
  endMs: number;
  boots: number;
  isPaused: boolean;
  isUp: boolean;
  counter: number;
  clients: ClientRow[];
  line: string;
  inFlight: InFlight[];
  /** Asked for before a reboot, and not ended. */
  orphans: number[];
  arrived: Arrived[];
  consoleOffset: number;
  lastRequestId: number;
  frames: number;
  chance: number;
  hash: number;
}

const pageBytes = 4096;
const ballastStride = 512;
const ballastByte = 0x5a;
export const noOp: ClientRow = { op: 0, count: 0, isDurable: true };

export function freshMemory(mood: GuestMood): ToyMemory {
  return {
    epoch: 0,
    endMs: 0,
    boots: 0,
    isPaused: false,
    isUp: false,
    counter: 0,
    clients: Array.from({ length: mood.clients }, () => noOp),
    line: '',
    inFlight: [],
    orphans: [],
    arrived: [],
    consoleOffset: 0,
    lastRequestId: 0,
    frames: 0,
    chance: mood.seed >>> 0,
    hash: 0x811c9dc5,
  };
}

/** The length of the text, then every second page: text, then ballast. A transfer leaves zeros out. */
export function inPages(text: string, ballastPages: number): Uint8Array {
  const textPages = Math.ceil(text.length / pageBytes);
  const state = new Uint8Array((1 + 2 * (textPages + ballastPages)) * pageBytes);
  new DataView(state.buffer).setUint32(0, text.length);
  for (let i = 0; i < text.length; i += 1) state[placeOf(i)] = text.charCodeAt(i);
  for (let i = 0; i < ballastPages * pageBytes; i += ballastStride) {
    state[placeOf(textPages * pageBytes + i)] = ballastByte;
  }
  return state;
}

/** What `inPages` wrote. Throws where a page is not what it was. */
export function recall({ state }: Snapshot, ballastPages: number): ToyMemory {
  const length = new DataView(state.buffer, state.byteOffset).getUint32(0);
  let text = '';
  for (let i = 0; i < length; i += 1) text += String.fromCharCode(state[placeOf(i)] ?? 0);
  const textPages = Math.ceil(length / pageBytes);
  for (let i = 0; i < ballastPages * pageBytes; i += ballastStride) {
    const byte = state[placeOf(textPages * pageBytes + i)];
    if (byte !== ballastByte) throw new Error('bug: a state lost some of its pages on the way');
  }
  return JSON.parse(text) as ToyMemory;
}

function placeOf(offset: number): number {
  const page = Math.floor(offset / pageBytes);
  return (1 + 2 * page) * pageBytes + (offset % pageBytes);
}
