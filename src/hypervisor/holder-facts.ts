import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { RoleSettings } from '../role/role-settings.js';

/** What a generation says about its holder's disk and journal, for whoever starts after it. */
export function holderFacts({
  ownDisk,
  journal,
}: RoleSettings): Pick<GenerationRecord, 'disk' | 'keepsJournal'> {
  return {
    ...(ownDisk?.id ? { disk: ownDisk.id } : {}),
    ...(journal ? { keepsJournal: true } : {}),
  };
}
