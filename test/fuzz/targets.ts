import { arbiterTargets } from './arbiter.js';
import { fileTargets } from './files.js';
import { frameTargets } from './frames.js';
import { gatewayTarget } from './gateway.js';
import { journalTarget } from './journal.js';
import { layersTarget } from './layers.js';
import { roleTargets } from './roles.js';
import { socketTargets } from './sockets.js';
import type { FuzzTarget } from './target.js';
import { wireTargets } from './wire.js';

/** Every parser of what a peer, a guest, a client or a shared disk can make up. */
export const fuzzTargets: readonly FuzzTarget[] = [
  ...wireTargets,
  ...fileTargets,
  ...frameTargets,
  layersTarget,
  journalTarget,
  gatewayTarget,
  ...roleTargets,
  ...socketTargets,
  ...arbiterTargets,
];
