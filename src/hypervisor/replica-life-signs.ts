import { heartbeatOf, lastWillOf, parseLifeSign } from '../channel/life-sign.js';
import type { RoleEffect } from '../role/role-effect.js';
import type { RoleInput } from '../role/role-input.js';
import type { RoleSettings } from '../role/role-settings.js';
import { unreachable } from '../unreachable.js';
import type { ReplicaParts } from './replica-parts.js';

type LifeSignEffect = Extract<RoleEffect, { kind: 'sendHeartbeat' | 'addWill' }>;

/**
 * The datagrams of one replica: its life signs to others, and theirs to it.
 *
 * Shape:  what a datagram says is an input for the role; a last will counts only with our own word.
 */
export class ReplicaLifeSigns {
  readonly #host: Pick<ReplicaParts, 'datagrams' | 'lastWill'>;
  readonly #settings: RoleSettings;
  readonly #feed: (input: RoleInput) => void;

  constructor(
    host: Pick<ReplicaParts, 'datagrams' | 'lastWill'>,
    settings: RoleSettings,
    feed: (input: RoleInput) => void,
  ) {
    this.#host = host;
    this.#settings = settings;
    this.#feed = feed;
  }

  received(message: Uint8Array): void {
    const sign = parseLifeSign(message);
    if (sign.kind === 'heartbeat') this.#feed(sign);
    else if (sign.word === this.#settings.willWord) this.#feed({ kind: 'lastWill', of: sign.of });
  }

  obey(effect: LifeSignEffect): void {
    const { replica } = this.#settings.self.identity;
    switch (effect.kind) {
      case 'sendHeartbeat':
        this.#host.datagrams.send(effect.to, heartbeatOf(replica));
        return;
      case 'addWill':
        this.#host.lastWill?.add(effect.to, lastWillOf(replica, effect.word));
        return;
      default:
        unreachable(effect);
    }
  }
}
