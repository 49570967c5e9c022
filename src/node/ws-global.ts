import { WebSocket } from 'ws';

/** Gives plain v86 the WebSocket that browsers and newer Nodes have, for its own network relay. */
export function provideWebSocket(): void {
  (globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket;
}
