/** How a connection ended: both said FIN; RST; no such port in the guest; nothing heard for too long. */
export type TcpEnd = 'finished' | 'reset' | 'refused' | 'silent';

/** The host's side of a connection. */
export interface TcpHandlers {
  established(): void;
  /** Data in order. It stays in the window until `consumed` is called for it. */
  received(data: Uint8Array): void;
  /** The guest will send no more (FIN). */
  guestFinished(): void;
  /** After `write` answered false: there is room again. */
  drained(): void;
  /** Exactly once, last. */
  closed(how: TcpEnd): void;
}

/** Hears nothing: who was told the end is told no more. */
export const deaf: TcpHandlers = {
  established: () => undefined,
  received: () => undefined,
  guestFinished: () => undefined,
  drained: () => undefined,
  closed: () => undefined,
};
