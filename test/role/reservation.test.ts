import { expect, it } from 'vitest';
import { DrivenBackup, generationOf } from './driven-backup.js';
import { identityOf } from './settings.js';

const leaving = { kind: 'goodbye', end: { kind: 'leaving' } } as const;

function asked(): DrivenBackup {
  const backup = DrivenBackup.inSync();
  backup.say({ kind: 'handOver' });
  return backup;
}
function ready(): DrivenBackup {
  const backup = asked();
  backup.answerClaim({ kind: 'won' });
  return backup;
}

it('claims ahead, names its primary, and goes on following', () => {
  const backup = ready();
  expect(backup.of('claim')).toEqual([
    {
      kind: 'claim',
      generation: 2,
      inSync: [],
      handedOverBy: identityOf('p'),
      reason: 'handOver',
    },
  ]);
  expect(backup.of('send').at(-1)?.message).toEqual({ kind: 'ready' });
  backup.record();
  expect(backup.acks().at(-1)).toBe(11);
  expect(backup.commands()).not.toContain('goLive');
});

it('is live at the goodbye, without the storage', () => {
  const backup = ready();
  backup.record();
  backup.say(leaving);
  expect(backup.commands().at(-1)).toBe('goLive');
  backup.ran(11);
  backup.wentLive(11);
  expect(backup.start).toMatchObject({ generation: 2, isClaimedAhead: true });
  expect(backup.claims).toEqual([2]);
});

it('needs the generation after when the primary is lost without a word', () => {
  const backup = ready();
  backup.step({ kind: 'lastWill', of: 'p' });
  expect(backup.claims).toEqual([2, 3]);
  expect(backup.commands()).not.toContain('goLive');
  backup.answerClaim({ kind: 'won' });
  expect(backup.commands().at(-1)).toBe('goLive');
  backup.ran(10);
  backup.wentLive(10);
  expect(backup.start).toMatchObject({ generation: 3, isClaimedAhead: false });
});

it('does so too when it has no answer yet, and gives way to a primary that was quicker', () => {
  const backup = asked();
  backup.step({ kind: 'lastWill', of: 'p' });
  backup.answerClaim({ kind: 'won' });
  expect(backup.claims).toEqual([2, 3]);
  backup.answerClaim({ kind: 'lost', holder: generationOf(3) });
  expect(backup.end?.kind).toBe('lostClaim');
});

it('is content with its claim when the goodbye comes before the answer', () => {
  const backup = asked();
  backup.say(leaving);
  expect(backup.commands()).not.toContain('goLive');
  backup.answerClaim({ kind: 'won' });
  expect(backup.commands().at(-1)).toBe('goLive');
  expect(backup.claims).toEqual([2]);
});

it('asks again where the storage does not answer, with the same claim', () => {
  const backup = asked();
  backup.answerClaim({ kind: 'unreachable', why: 'it hangs' });
  backup.pass(110, 'both');
  expect(backup.of('claim').map(({ reason }) => reason)).toEqual(['handOver', 'handOver']);
});

it('forgets it when its primary has begun a generation after, whatever that one says then', () => {
  for (const last of ['a goodbye', 'nothing']) {
    const backup = ready();
    backup.say({ kind: 'inSync', generation: 3 });
    if (last === 'nothing') backup.step({ kind: 'lastWill', of: 'p' });
    else backup.say(leaving);
    expect(backup.claims).toEqual([2, 4]);
    expect(backup.commands()).not.toContain('goLive');
  }
});

it.each([
  ['its primary has begun that generation', { kind: 'inSync', generation: 2 }],
  ['somebody else has it', null],
] as const)('does not claim from a primary that is live, when %s', (_, said) => {
  const backup = asked();
  backup.answerClaim({ kind: 'unreachable', why: 'it hangs' });
  if (said) {
    backup.say(said);
  } else {
    backup.pass(110, 'both');
    backup.answerClaim({ kind: 'lost', holder: generationOf(2) });
  }
  const made = backup.claims.length;
  backup.pass(500, 'both');
  expect(backup.claims).toHaveLength(made);
  expect(backup.end).toBeUndefined();
});

it('asks again with the same claim when the goodbye comes before the storage answers', () => {
  const backup = asked();
  backup.say(leaving);
  backup.answerClaim({ kind: 'unreachable', why: 'it hangs' });
  backup.pass(110);
  expect(backup.of('claim').map(({ reason }) => reason)).toEqual(['handOver', 'handOver']);
  backup.answerClaim({ kind: 'won' });
  expect(backup.commands().at(-1)).toBe('goLive');
});

it('is ready again when it is asked again', () => {
  const backup = ready();
  backup.say({ kind: 'handOver' });
  backup.answerClaim({ kind: 'won' });
  expect(backup.of('send').filter(({ message }) => message.kind === 'ready')).toHaveLength(2);
  expect(backup.claims).toEqual([2, 2]);
});

it('is not left out by its own claim', () => {
  const backup = ready();
  const latest = { ...generationOf(2, [], 'b1'), handedOverBy: identityOf('p') };
  backup.step({ kind: 'generationsRead', asked: 1, latest });
  expect(backup.end).toBeUndefined();
});

it('takes the question of a primary for which it is not in sync for an error', () => {
  const backup = DrivenBackup.replaying();
  backup.say({ kind: 'handOver' });
  expect(backup.claims).toEqual([]);
  expect(backup.end?.kind).toBe('rejoin');
});
