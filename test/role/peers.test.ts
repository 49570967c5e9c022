import { describe, expect, it } from 'vitest';
import type { WireMessage } from '../../src/channel/wire-message.js';
import { generationOf } from './driven-backup.js';
import { DrivenPrimary } from './driven-primary.js';
import { consoleOf, helloOf, identityOf, readOf, recordOf, snapshotOf } from './settings.js';

describe('a peer that is not a backup', () => {
  it('is hung up on when it speaks before its hello', () => {
    const primary = new DrivenPrimary();
    expect(primary.ack(7, 0)).toEqual([{ kind: 'closePeer', peer: 7 }]);
  });

  it('is refused, and told why, when it does not fit', () => {
    const primary = new DrivenPrimary();
    primary.say(7, { ...helloOf('b7'), vm: 'another' });
    expect(primary.sent(7, 'refusal')).toMatchObject([{ code: 'FTVM_ANOTHER_VM' }]);
    expect(primary.of('closePeer')).toHaveLength(1);
    expect(primary.commands()).toEqual([]);
  });

  it('is refused once the guest is over', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run({ kind: 'diskRead', id: 1, drive: 'hda', offsetBytes: 0, lengthBytes: 1 });
    primary.run({ kind: 'powerOff' });
    primary.ack(1);
    primary.hello(2);
    expect(primary.sent(2, 'refusal')).toMatchObject([{ code: 'FTVM_GUEST_IS_OFF' }]);
  });

  it('is refused when there are as many backups as the primary takes', () => {
    const primary = new DrivenPrimary();
    for (let peer = 1; peer <= 12; peer += 1) primary.hello(peer);
    expect(primary.role.status(primary.nowMs).backups).toHaveLength(8);
    expect(primary.sent(9, 'refusal')).toMatchObject([{ code: 'FTVM_TOO_MANY_BACKUPS' }]);
  });
});

describe('a backup that breaks the protocol is lost, and is a loss', () => {
  const identity = identityOf('b1');
  const { state, ...header } = snapshotOf(1);
  const impossible: readonly WireMessage[] = [
    { kind: 'ack', received: 1000, ran: 0, durable: null },
    { kind: 'ack', received: 2, ran: 1000, durable: null },
    { kind: 'stateAck', receivedBytes: 1 },
    helloOf('b1'),
    { kind: 'welcome', identity, generation: 1, heartbeatTo: '', willWord: '' },
    { kind: 'refusal', code: 'X', why: '', remedy: '' },
    { kind: 'stateBegin', header, stateBytes: state.byteLength },
    { kind: 'statePages', offset: 0, data: state },
    { kind: 'stateEnd' },
    { kind: 'records', records: [recordOf(1)], released: 0, consoleReleased: 0, isAwaited: true },
    { kind: 'inSync', generation: 9 },
  ];

  it.each(impossible)('awaiting the cut it says $kind', (message) => {
    const primary = new DrivenPrimary();
    primary.hello(1);
    primary.say(1, message);
    expect(primary.losses).toHaveLength(1);
    expect(primary.of('claim')).toEqual([]);
    primary.run(consoleOf('a'));
    expect(primary.console).toBe('a');
  });

  it.each(impossible.filter(({ kind }) => kind !== 'stateAck'))(
    'in sync it says $kind, and may still claim what it was told',
    (message) => {
      const primary = new DrivenPrimary();
      primary.joinInSync(1);
      primary.run(consoleOf('a'));
      primary.say(1, message);
      expect(primary.losses).toHaveLength(1);
      expect(primary.of('closePeer')).toEqual([{ kind: 'closePeer', peer: 1 }]);
      expect(primary.of('claim')).toHaveLength(1);
      expect(primary.console).toBe('');
    },
  );

  it('a second hello under another name does not get it out of sync unnoticed', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.hello(1, 'another');
    expect(primary.losses).toEqual(['it said hello twice']);
    expect(primary.console).toBe('');
  });

  it('an ack of more state than was sent does not open the window', () => {
    const primary = new DrivenPrimary();
    primary.hello(1);
    primary.cut(64 * 1024 * 1024);
    const sent = primary.sent(1, 'statePages').length;
    primary.say(1, { kind: 'stateAck', receivedBytes: 64 * 1024 * 1024 });
    expect(primary.losses).toEqual(['it acknowledged state it was not sent']);
    expect(primary.sent(1, 'statePages')).toHaveLength(sent);
  });
});

describe('a replica that connects again', () => {
  it('has given up its first link: in sync there, it costs a claim', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1, 'b');
    primary.run(consoleOf('a'));
    primary.hello(2, 'b');
    expect(primary.losses).toEqual(['it has connected again']);
    expect(primary.of('claim')).toMatchObject([{ generation: 2, inSync: [] }]);
    expect(primary.role.status(primary.nowMs).backups).toHaveLength(1);
    // Acks of the link that is gone count for nothing.
    primary.ack(1);
    expect(primary.console).toBe('');
  });

  it('takes its own place when there is no other', () => {
    const primary = new DrivenPrimary();
    for (let peer = 1; peer <= 8; peer += 1) primary.hello(peer);
    primary.hello(20, 'b3');
    expect(primary.sent(20, 'welcome')).toHaveLength(1);
  });
});

describe('the last will of a backup', () => {
  it('is as good as the end of its link: the guest waits no longer than for the claim', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1, 'b');
    primary.run(consoleOf('a'));
    primary.step({ kind: 'lastWill', of: 'b' });
    expect(primary.losses).toEqual(['its process has died']);
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });

  it('of a stranger is nobody’s', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1, 'b');
    primary.step({ kind: 'lastWill', of: 'c' });
    expect(primary.losses).toEqual([]);
  });

  it('is answered by one of ours, where it hears', () => {
    const primary = new DrivenPrimary();
    primary.hello(1, 'b');
    expect(primary.of('addWill')).toEqual([{ kind: 'addWill', to: 'b:2', word: 'word-of-b' }]);
  });
});

describe('a backup that diverged', () => {
  it('is not waited for any more, once the generation without it is won', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(consoleOf('a'));
    primary.say(1, { kind: 'diverged', epoch: 3, difference: 'eax' });
    expect(primary.losses).toEqual(['it diverged at epoch 3: eax']);
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('a');
  });
});

describe('leaving', () => {
  it('pauses the guest and says goodbye, so that a backup takes over', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.step({ kind: 'leave' });
    expect(primary.sent(1, 'handOver')).toHaveLength(1);
    expect(primary.commands()).not.toContain('pause');
    primary.say(1, { kind: 'ready' });
    expect(primary.commands().at(-1)).toBe('pause');
    expect(primary.sent(1, 'goodbye')).toEqual([{ kind: 'goodbye', end: { kind: 'leaving' } }]);
    expect(primary.of('end')[0]?.end).toEqual({ kind: 'left' });
  });

  function writing(): DrivenPrimary {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    const write = { kind: 'diskWrite', id: 1, drive: 'hda', offsetBytes: 0 } as const;
    primary.run({ ...write, data: Uint8Array.of(1) }, { ...write, id: 2, data: Uint8Array.of(2) });
    primary.ack(1);
    primary.step({ kind: 'leave' });
    return primary;
  }

  it('waits for the write a disk is at, which must not land after the next primary has its own', () => {
    const primary = writing();
    primary.pass(500, [1]);
    expect(primary.sent(1, 'goodbye')).toEqual([]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    primary.say(1, { kind: 'ready' });
    expect(primary.sent(1, 'goodbye')).toHaveLength(1);
    expect(primary.startedDisk).toEqual([1]);
  });

  it('lets the guest run on until then, and tells all of it before the goodbye', () => {
    const primary = writing();
    expect(primary.commands()).not.toContain('pause');
    primary.run(consoleOf('still here'));
    primary.pass(5, [1]);
    primary.ack(1);
    expect(primary.console).toBe('still here');
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    // What it has just been told is in no message yet.
    primary.record([{ kind: 'consoleInput', bytes: Uint8Array.of(0x61) }]);
    primary.say(1, { kind: 'ready' });
    const kinds = primary
      .of('send')
      .map(({ message }) => message.kind)
      .slice(-2);
    expect(kinds).toEqual(['records', 'goodbye']);
    expect(primary.sent(1, 'records').at(-1)!.records.at(-1)!.epoch).toBe(primary.epoch);
  });

  it('waits for a backup that is behind, though not for long', () => {
    const behind = (): DrivenPrimary => {
      const primary = new DrivenPrimary();
      primary.joinInSync(1);
      primary.run();
      primary.pass(50, [1]);
      primary.step({ kind: 'leave' });
      expect(primary.of('end')).toEqual([]);
      return primary;
    };
    const caughtUp = behind();
    caughtUp.ack(1);
    caughtUp.run();
    caughtUp.pass(5, [1]);
    caughtUp.ack(1);
    caughtUp.pass(5, [1]);
    caughtUp.say(1, { kind: 'ready' });
    expect(caughtUp.of('end')).toHaveLength(1);
    const still = behind();
    still.pass(900, [1]);
    expect(still.of('end')).toEqual([]);
    still.pass(110, [1]);
    still.say(1, { kind: 'ready' });
    expect(still.of('end')).toHaveLength(1);
  });

  it.each([
    ['leave', 1],
    ['handOver', 0],
  ] as const)('when the claim ahead takes long: %s', (kind, goodbyes) => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.step({ kind });
    primary.pass(990, [1]);
    expect(primary.sent(1, 'goodbye')).toEqual([]);
    primary.run(readOf(1));
    expect(primary.startedDisk).toEqual([]);
    for (let i = 0; i < 4; i += 1) {
      primary.run();
      primary.pass(5, [1]);
      primary.ack(1);
    }
    expect(primary.sent(1, 'goodbye')).toHaveLength(goodbyes);
    // Who stays gives the guest its disk again, and takes no late word for leave to go.
    if (goodbyes === 0) expect(primary.startedDisk).toEqual([1]);
    primary.say(1, { kind: 'ready' });
    expect(primary.sent(1, 'goodbye')).toHaveLength(goodbyes);
  });

  it('asks again, if it is to hand over again', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.step({ kind: 'handOver' });
    primary.pass(1010, [1]);
    primary.step({ kind: 'handOver' });
    primary.say(1, { kind: 'ready' });
    expect(primary.sent(1, 'handOver')).toHaveLength(2);
    expect(primary.sent(1, 'goodbye')).toHaveLength(1);
  });

  it('goes on in the generation after, when its heir has claimed ahead and is lost', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.step({ kind: 'handOver' });
    primary.run(consoleOf('held'));
    primary.lose(1);
    const holder = { ...generationOf(2, [], 'b1'), handedOverBy: identityOf('p') };
    primary.answerClaim({ kind: 'lost', holder });
    expect(primary.of('claim').map(({ generation }) => generation)).toEqual([2, 3]);
    expect(primary.console).toBe('');
    primary.answerClaim({ kind: 'won' });
    expect(primary.console).toBe('held');
    expect(primary.of('end')).toEqual([]);
  });

  it('stays, if it was to hand over and the last backup is lost meanwhile', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run();
    primary.pass(50, [1]);
    primary.step({ kind: 'handOver' });
    primary.lose(1);
    primary.answerClaim({ kind: 'won' });
    primary.pass(3_000);
    expect(primary.of('end')).toEqual([]);
    primary.run(consoleOf('still here'), readOf(1));
    expect(primary.console).toBe('still here');
    expect(primary.startedDisk).toEqual([1]);
  });

  it('does not wait for a disk for ever, nor when it is asked twice', () => {
    const slow = writing();
    slow.pass(2100, [1]);
    slow.say(1, { kind: 'ready' });
    expect(slow.of('end')).toHaveLength(1);
    const impatient = writing();
    impatient.step({ kind: 'leave' });
    expect(impatient.of('end')).toHaveLength(1);
  });
});
