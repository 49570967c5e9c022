/** Why a link is over. `refused`: nobody listens there, so that process is gone. */
export type LinkEnd =
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'unreachable'; readonly why: string }
  /** The peer spoke something else: no WebSocket, another subprotocol, a frame over the limit. */
  | { readonly kind: 'protocol'; readonly why: string };

/** Ordered, whole messages to one peer. `send` after the end does nothing. */
export interface Link {
  send(message: Uint8Array): void;
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  bufferedBytes(): number;
  /** Stop and go on reading: the peer's send buffer fills, which is the flow control of TCP. */
  pauseReading(): void;
  resumeReading(): void;
  /** Ends the link; what was sent before is delivered if it can be. */
  close(): void;
}

export interface LinkHandlers {
  opened(): void;
  received(message: Uint8Array): void;
  /** Exactly once, last. */
  ended(how: LinkEnd): void;
}

/** Opens links to `ws://host:port`; the link is returned at once and `opened` or `ended` follows. */
export interface LinkConnector {
  connect(endpoint: string, handlers: LinkHandlers): Link;
}

/** Takes links from peers, already open. Each accepted link gets the handlers `accept` returns. */
export interface LinkListener {
  /** The address peers can use: `ws://host:port` with the port really bound. */
  readonly endpoint: string;
  close(): Promise<void>;
}
export type AcceptLink = (link: Link, from: string) => Omit<LinkHandlers, 'opened'>;
