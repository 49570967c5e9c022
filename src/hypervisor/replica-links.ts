import { decodeMessage, encodeMessage } from '../channel/wire-codec.js';
import type { WireMessage } from '../channel/wire-message.js';
import { FtvmError } from '../errors.js';
import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { Link, LinkConnector, LinkHandlers } from '../host/link.js';
import type { RoleEffect } from '../role/role-effect.js';
import type { PeerId } from '../role/role-input.js';
import { unreachable } from '../unreachable.js';
import { Rate } from './rate.js';

/** Who hears what comes over the links. */
export interface LinksOwner {
  readonly opened: (peer: PeerId) => void;
  readonly received: (peer: PeerId, message: WireMessage) => void;
  readonly ended: (peer: PeerId, why: string) => void;
  readonly failed: (error: unknown) => void;
}

interface LinksHost {
  readonly connector: LinkConnector;
  readonly clock: Clock;
  readonly diagnostics: Diagnostics;
}

type LinkEffect = Extract<
  RoleEffect,
  { kind: 'send' | 'closePeer' | 'pauseReading' | 'resumeReading' }
>;

/**
 * The links of one replica: to the primary it follows, and from whoever has connected to it.
 *
 * Shape:  a peer is a link; who connects again is another one.
 * Errors: what cannot be read ends its link, and nothing else.
 */
export class ReplicaLinks {
  readonly #host: LinksHost;
  readonly #owner: LinksOwner;
  readonly #links = new Map<PeerId, Link>();
  readonly #logRate = new Rate();
  #lastPeer: PeerId = 0;
  #isOver = false;

  constructor(host: LinksHost, owner: LinksOwner) {
    this.#host = host;
    this.#owner = owner;
  }

  /** A place for the link to a primary; `connect` fills it. */
  newPeer(): PeerId {
    this.#lastPeer += 1;
    return this.#lastPeer;
  }
  connect(peer: PeerId, endpoint: string): void {
    const link = this.#host.connector.connect(endpoint, {
      opened: () => this.#owner.opened(peer),
      ...this.#handlers(peer),
    });
    this.#links.set(peer, link);
  }

  /** A peer has connected to us; what it wants, its first message says. */
  accept(link: Link): Omit<LinkHandlers, 'opened'> {
    if (this.#isOver || this.#links.size >= linksMax) {
      link.close();
      return { received: () => undefined, ended: () => undefined };
    }
    const peer = this.newPeer();
    this.#links.set(peer, link);
    const handlers = this.#handlers(peer);
    // Whoever connects and says nothing only holds a place.
    const stopWaiting = this.#host.clock.after(greetingMsMax, () => link.close());
    return {
      received: (message) => {
        stopWaiting();
        handlers.received(message);
      },
      ended: (how) => {
        stopWaiting();
        handlers.ended(how);
      },
    };
  }

  obey(effect: LinkEffect): void {
    switch (effect.kind) {
      case 'send':
        return this.send(effect.peer, effect.message);
      case 'closePeer':
        return this.close(effect.peer);
      case 'pauseReading':
        return this.#links.get(effect.peer)?.pauseReading();
      case 'resumeReading':
        return this.#links.get(effect.peer)?.resumeReading();
      default:
        unreachable(effect);
    }
  }
  send(peer: PeerId, message: WireMessage): void {
    const bytes = encodeMessage(message);
    this.#links.get(peer)?.send(bytes);
    if (message.kind === 'records') {
      this.#logRate.add(bytes.byteLength, this.#host.clock.nowMs());
    }
  }
  close(peer: PeerId): void {
    this.#links.get(peer)?.close();
    this.#links.delete(peer);
  }

  /** The log as it went over the wire. */
  logRate(): { readonly bytesPerSecond: number; readonly bytesTotal: number } {
    const bytesPerSecond = Math.round(this.#logRate.perSecond(this.#host.clock.nowMs()));
    return { bytesPerSecond, bytesTotal: this.#logRate.total };
  }

  closeAll(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }
  /** Nobody is taken in any more. */
  end(): void {
    this.#isOver = true;
    this.closeAll();
  }

  #handlers(peer: PeerId): Omit<LinkHandlers, 'opened'> {
    return {
      received: (bytes) => {
        try {
          this.#owner.received(peer, decodeMessage(bytes));
        } catch (error) {
          if (!(error instanceof FtvmError)) return this.#owner.failed(error);
          // Garbage, a flipped bit or a stranger: the link is worthless, the replica is not.
          const why = error.message;
          this.#host.diagnostics.warn('A peer sent a message that cannot be read', { why });
          this.close(peer);
          this.#owner.ended(peer, why);
        }
      },
      ended: (how) => {
        this.#links.delete(peer);
        this.#owner.ended(peer, 'why' in how ? how.why : `the link ${how.kind}`);
      },
    };
  }
}

const greetingMsMax = 5000;
// Backups, and strangers who hold a place until they have to greet.
const linksMax = 64;
