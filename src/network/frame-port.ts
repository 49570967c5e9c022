/**
 * A replica's end of the cable to the switch.
 *
 * Shape:  frames in both directions, none of them promised: Ethernet loses frames, and whoever needs
 *         them asks again. The cable may be out for a while; nothing of that is an error.
 * Drop policy: while the cable is out, the newest frames are kept, up to a bound, and the oldest go
 *         (a guest's latest word is the one worth having); while it is in and the switch is slow,
 *         the newest go (the order of what is on its way stays whole). Both are counted.
 */
export interface FramePort {
  /** The frame is not copied: it must not change afterwards. */
  send(frame: Uint8Array): void;
  readonly isUp: boolean;
  status(): FramePortStatus;
  /** Pulls the cable for good. Frames that wait are dropped. */
  close(): void;
}

export interface FramePortHandlers {
  /** The cable is in, for the first time or again: the moment to announce the guest's MAC. */
  up(): void;
  /** It is out, or could not be plugged in at first; the port tries again by itself. `why` is for people. */
  down(why: string): void;
  frameReceived(frame: Uint8Array): void;
}

export interface FramePortStatus {
  readonly isUp: boolean;
  readonly sentFrames: number;
  readonly receivedFrames: number;
  readonly droppedFrames: number;
  readonly connectCount: number;
}
