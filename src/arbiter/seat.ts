import type { Epoch } from '../units.js';

/** Names one join of one replica: one that joins again has another seat, and another log. */
export type Seat = string;

/** What a backup says about its place in the log: of the seat it was given when it joined. */
export interface SeatStatus {
  readonly seat: Seat;
  /** It acknowledges nothing more to the primary that gave it the seat, whatever happens. */
  readonly hasLeft: boolean;
  /** The newest record it holds; final once it has left. */
  readonly received: Epoch;
}

/** `none`: that replica is there and has no seat. `gone`: its process is over. */
export type SeatAnswer = SeatStatus | 'none' | 'gone' | 'silent';
