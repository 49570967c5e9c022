import type { Link } from '../host/link.js';

/**
 * A link that is slow to send, as over a long wire: what is under way when the process dies is lost.
 * For experiments with what the Output Rule costs and prevents.
 */
export function delayedLink(link: Link, delayMs: number): Link {
  let closed = false;
  return {
    send: (message) => {
      setTimeout(() => {
        if (!closed) link.send(message);
      }, delayMs);
    },
    bufferedBytes: () => link.bufferedBytes(),
    pauseReading: () => link.pauseReading(),
    resumeReading: () => link.resumeReading(),
    close: () => {
      setTimeout(() => {
        closed = true;
        link.close();
      }, delayMs);
    },
  };
}
