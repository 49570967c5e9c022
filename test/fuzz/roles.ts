import type { RoleSettings } from '../../src/role/role-settings.js';
import type { Prng } from '../../src/sim/prng.js';
import { DrivenBackup } from '../role/driven-backup.js';
import { DrivenPrimary } from '../role/driven-primary.js';
import { consoleOf } from '../role/settings.js';
import { insist, type FuzzTarget } from './target.js';
import { strangeMessage } from './wire.js';
import { FtvmError } from '../../src/errors.js';
import type { WireMessage } from '../../src/channel/wire-message.js';

/** A message that passes the codec, from a peer that is not what it says it is. */
function nextMessage(chance: Prng): WireMessage {
  for (;;) {
    try {
      return strangeMessage(chance);
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
    }
  }
}

/** A role has no caller that could mend what it throws, so here a typed error is a finding too. */
function step<Result>(what: () => Result): Result {
  try {
    return what();
  } catch (error) {
    throw new Error(`a role threw: ${String(error)}`, { cause: error });
  }
}

/** Shared, read by each replica, or replicated. */
function disksOf(chance: Prng): Partial<RoleSettings> {
  return chance.pick<Partial<RoleSettings>>([
    {},
    { ownDisk: { use: 'reads', id: null, copies: [] } },
    { ownDisk: { use: 'everything', id: 'x', copies: [{ name: 'hda', bytes: 4096 }] } },
  ]);
}

export const roleTargets: readonly FuzzTarget[] = [
  {
    name: 'primary',
    share: 15,
    run: (chance) => {
      const primary = new DrivenPrimary(disksOf(chance));
      if (chance.chance(0.6)) primary.joinInSync(1);
      primary.run(consoleOf('a'));
      const isHeld = primary.stateOf(1) === 'inSync';
      for (let count = chance.whole(1, 8); count > 0; count -= 1) {
        const message = nextMessage(chance);
        const peer = chance.pick([1, 2, 3]);
        // Peer 1 speaks the truth about its acks or nothing: what it may not say is a loss.
        if (peer === 1 && message.kind === 'ack') continue;
        step(() => primary.say(peer, message));
        if (chance.chance(0.2)) step(() => primary.pass(20));
      }
      insist(!isHeld || primary.console === '', 'strangers do not release output');
      insist(primary.role.status(primary.nowMs).backups.length <= 8, 'backups are bounded');
      return primary.losses.length > 0 ? 'refused' : 'taken';
    },
  },
  {
    name: 'backup',
    share: 15,
    run: (chance) => {
      const disks = disksOf(chance);
      const backup = chance.pick([
        () => new DrivenBackup(disks),
        () => DrivenBackup.replaying(disks),
        () => DrivenBackup.inSync(disks),
      ])();
      if (chance.chance(0.3)) backup.open();
      if (chance.chance(0.3)) backup.welcome();
      for (let count = chance.whole(1, 8); count > 0; count -= 1) {
        const message = nextMessage(chance);
        step(() => backup.say(message));
        if (chance.chance(0.2)) step(() => backup.pass(20, 'both'));
      }
      insist(backup.start === undefined, 'words alone make no backup live');
      return backup.of('end').length + backup.of('closePeer').length > 0 ? 'refused' : 'taken';
    },
  },
];
