import { describe, expect, it } from 'vitest';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import type { HolderProbe } from '../../src/host/holder-probe.js';
import { findLive } from '../../src/hypervisor/find-live.js';
import { identityOf } from '../role/settings.js';

type Found = 'primary' | 'backup' | 'silent' | 'gone';

const [heir, old] = [identityOf('heir'), identityOf('old')];
const plain = { generation: 2, vm: 'vm', holder: heir, inSync: [], claimedAt: '' };
const record: GenerationRecord = { ...plain, reason: 'handOver', handedOverBy: old };

/** Of replicas that are that; who is not named is never to be asked. */
function probeOf(found: Readonly<Record<string, Found>>): HolderProbe {
  const at = (replica: string): Found => {
    const is = found[replica];
    if (is === undefined) throw new Error(`${replica} is asked`);
    return is;
  };
  return {
    probe: ({ replica }) => {
      const is = at(replica);
      return Promise.resolve(is === 'primary' || is === 'backup' ? 'live' : is);
    },
    mayGoLive: ({ replica }) => {
      const is = at(replica);
      return Promise.resolve(is === 'primary' ? 'yes' : is === 'silent' ? 'silent' : 'no');
    },
    seatOf: () => Promise.resolve('none'),
  };
}

describe('a generation claimed ahead', () => {
  const live = (replica: typeof old) => ({ kind: 'live', replica });
  const silent = (...replicas: (typeof old)[]) => ({ kind: 'silent', replicas });
  it.each([
    ['backup', 'primary', live(old)],
    ['backup', 'gone', live(heir)],
    ['primary', 'silent', live(heir)],
    ['primary', 'backup', live(heir)],
    ['gone', 'primary', live(old)],
    ['gone', 'backup', { kind: 'gone' }],
    ['gone', 'gone', { kind: 'gone' }],
    ['gone', 'silent', silent(old)],
    ['silent', 'primary', live(old)],
    ['silent', 'backup', silent(heir)],
    ['silent', 'silent', silent(old, heir)],
  ] as const)('whose heir is %s and whose old primary is %s', async (isHeir, isOld, expected) => {
    expect(await findLive(probeOf({ heir: isHeir, old: isOld }), record)).toEqual(expected);
  });

  it('is not asked about at the one that asks', async () => {
    expect(await findLive(probeOf({ old: 'primary' }), record, 'heir')).toEqual(live(old));
    expect(await findLive(probeOf({ heir: 'gone' }), record, 'old')).toEqual({ kind: 'gone' });
  });
});

it('asks the holder alone of any other generation', async () => {
  expect(await findLive(probeOf({ heir: 'silent' }), { ...plain, reason: 'takeover' })).toEqual({
    kind: 'silent',
    replicas: [heir],
  });
});
