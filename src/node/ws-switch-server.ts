import type { VirtualSwitch } from '../network/virtual-switch.js';
import type { HttpListener } from './http-listener.js';
import { WsListener } from './ws-listener.js';

/** Guests and replicas at once. */
const PORTS_MAX = 64;
/** Longer messages end the link; up to this they are counted as oversized frames. */
const MESSAGE_BYTES_MAX = 64 * 1024;
/** A guest that shouts more often than this is a loop or an attack. */
const FLOODS_PER_SECOND_MAX = 10_000;

/**
 * Lets replicas and plain v86 instances onto the switch, each over a WebSocket at `/`: one frame per
 * binary message, no subprotocol. That is what v86's `relay_url` speaks, and its public relays.
 *
 * Errors: a text message is no frame; it ends the link with a code and a reason (1003).
 */
export function serveSwitch(
  http: HttpListener,
  virtualSwitch: VirtualSwitch,
): { readonly endpoint: string; close(): Promise<void> } {
  const options = { subprotocol: null, messageBytesMax: MESSAGE_BYTES_MAX, linksMax: PORTS_MAX };
  return new WsListener(http, options, (link, from) => {
    const port = virtualSwitch.attach(link, {
      name: from,
      floodsPerSecondMax: FLOODS_PER_SECOND_MAX,
    });
    return {
      received: (frame) => port.receive(frame),
      ended: () => port.detach(),
    };
  });
}
