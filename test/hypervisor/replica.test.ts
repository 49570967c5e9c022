import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/channel/wire-codec.js';
import type { WireMessage } from '../../src/channel/wire-message.js';
import type { Link } from '../../src/host/link.js';
import { bytesOf, helloOf, identityOf } from '../role/settings.js';
import { protectedPair, SmallWorld, type Host } from './small-world.js';

/** Somebody who has connected to a host and says what they like. */
class Stranger implements Link {
  readonly heard: WireMessage[] = [];
  isClosed = false;
  readonly #handlers: ReturnType<NonNullable<Host['replica']>['accept']> | undefined;

  constructor(host: Host) {
    this.#handlers = host.replica?.accept(this);
  }
  say(message: WireMessage | Uint8Array): void {
    this.#handlers?.received(message instanceof Uint8Array ? message : encodeMessage(message));
  }
  hangUp(): void {
    this.#handlers?.ended({ kind: 'closed' });
  }
  send(message: Uint8Array): void {
    this.heard.push(decodeMessage(message));
  }
  close(): void {
    this.isClosed = true;
  }
  bufferedBytes(): number {
    return 0;
  }
  pauseReading(): void {}
  resumeReading(): void {}
}

async function primaryAlone(): Promise<{ world: SmallWorld; a: Host }> {
  const world = new SmallWorld();
  const a = world.host('a');
  a.runPrimary();
  await world.pass(50);
  return { world, a };
}

describe('a stranger', () => {
  it('who says nothing only holds a place, and not for long', async () => {
    const { world, a } = await primaryAlone();
    const stranger = new Stranger(a);
    await world.pass(4_900);
    expect(stranger.isClosed).toBe(false);
    await world.pass(200);
    expect(stranger.isClosed).toBe(true);
  });

  it('finds no place where too many are', async () => {
    const { a } = await primaryAlone();
    const strangers = Array.from({ length: 100 }, () => new Stranger(a));
    expect(strangers.filter(({ isClosed }) => isClosed)).toHaveLength(36);
  });

  it('who sends garbage is hung up on, and the guest runs on', async () => {
    const { world, a } = await primaryAlone();
    const stranger = new Stranger(a);
    stranger.say(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(stranger.isClosed).toBe(true);
    a.type('unmoved');
    await world.pass(50);
    expect(a.console).toBe('unmoved');
    expect(a.end).toBeNull();
  });

  it('cannot make a live replica take another for the primary', async () => {
    const { a } = await primaryAlone();
    const stranger = new Stranger(a);
    stranger.say({
      kind: 'welcome',
      identity: identityOf('x'),
      generation: 99,
      heartbeatTo: 'x:2',
      willWord: 'x',
      lineage: { liveSince: 1, before: [] },
      redundancy: { backups: 1, commit: 'all' },
      seat: '1.1',
    });
    expect(a.replica?.primary?.replica).toBe('a');
    expect(a.replica?.generation).toBe(1);
    expect(stranger.isClosed).toBe(true);
  });

  it('who wants to join a backup is sent to the primary', async () => {
    const { b } = await protectedPair();
    const stranger = new Stranger(b);
    stranger.say(helloOf('c'));
    expect(stranger.heard).toMatchObject([
      { kind: 'refusal', code: 'FTVM_NOT_PRIMARY', remedy: 'Join ws://a:1.' },
    ]);
    expect(stranger.isClosed).toBe(true);
  });

  it('who comes to a backup and goes does not end its world', async () => {
    const { world, a, b } = await protectedPair();
    const stranger = new Stranger(b);
    stranger.say({ kind: 'goodbye', end: { kind: 'poweredOff', epoch: 0 } });
    const other = new Stranger(b);
    other.hangUp();
    await world.pass(1_000);
    expect(b.end).toBeNull();
    expect(a.inSync).toEqual(['b']);
    expect(a.has('backupLost')).toBe(false);
    expect(stranger.isClosed).toBe(true);
  });

  it('is not taken in by a replica that is over', async () => {
    const { world, a } = await primaryAlone();
    a.type('off');
    await world.pass(100);
    expect(a.end).toMatchObject({ kind: 'poweredOff' });
    const stranger = new Stranger(a);
    expect(stranger.isClosed).toBe(true);
  });
});

describe('a last will', () => {
  it('says the word that the backup told its primary', async () => {
    const { world, a, b } = await protectedPair();
    b.replica?.datagram(bytesOf(`died a ${b.settings.willWord}`));
    await world.pass(50);
    expect(world.latest).toMatchObject({ generation: 2, reason: 'takeover' });
    expect(a.isReleasing).toBe(false);
  });

  it.each(['guess', ''])('without it is a forgery: %o', async (word) => {
    const { world, a, b } = await protectedPair();
    b.replica?.datagram(bytesOf(`died a ${word}`));
    await world.pass(50);
    expect(world.latest).toMatchObject({ generation: 1 });
    expect(a.inSync).toEqual(['b']);
  });
});

describe('effects', () => {
  it('are performed in order, whatever a device answers in the middle of them', async () => {
    const { world, a } = await primaryAlone();
    // Storage, links and the vCPU of this world call back at once where they can.
    for (const line of ['write 1 x', 'one ', 'read 1', ' two ', 'frame f', 'three']) a.type(line);
    await world.pass(100);
    expect(a.console.replace('x', '')).toBe('one  two three');
    expect(a.frames).toEqual(['f']);
  });

  it('of one input come before those of the next, also when it comes in the middle of them', async () => {
    const { world, a } = await primaryAlone();
    a.onFrame = () => a.hypervisor.leave();
    for (const line of ['frame f', 'after the frame']) {
      const event = { kind: 'consoleInput', bytes: bytesOf(line) } as const;
      a.replica?.feed({ kind: 'guestEvent', event });
    }
    await world.pass(50);
    expect(a.end).toEqual({ kind: 'left' });
    expect(a.console).toBe('after the frame');
  });

  it('after an end are nobody’s', async () => {
    const { world, a } = await primaryAlone();
    a.type('off');
    await world.pass(100);
    expect(a.vcpu?.isClosed).toBe(true);
    a.type('more');
    a.replica?.datagram(bytesOf('b'));
    a.hypervisor.leave();
    await world.pass(100);
    expect(a.console).toBe('');
  });
});

describe('a bug', () => {
  it('in a step ends the replica as failed, with the error', async () => {
    const { world, a } = await primaryAlone();
    const event = { kind: 'nonsense' } as never;
    a.replica?.feed({ kind: 'vcpu', event: { kind: 'recorded', record: event } });
    a.replica?.feed({ kind: 'vcpu', event: { kind: 'ran', epoch: 1 } as never });
    await world.pass(50);
    expect(a.end).toMatchObject({ kind: 'failed' });
    expect(a.vcpu?.isClosed).toBe(true);
  });

  it('in what is told to the outside ends it, too', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    const failure = new Error('a cable on fire');
    a.onFrame = () => {
      throw failure;
    };
    a.runPrimary();
    await world.pass(50);
    a.type('frame f');
    await world.pass(50);
    expect(a.end).toEqual({ kind: 'failed', error: failure });
  });
});

describe('a replica that is asked to leave', () => {
  it('while its machine is made does not start it', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    a.runPrimary();
    while (a.vcpus.length === 0) await world.pass(5);
    a.hypervisor.leave();
    await world.pass(100);
    expect(a.end).toEqual({ kind: 'left' });
    expect(a.vcpu?.isLive).toBe(false);
    expect(a.vcpu?.isClosed).toBe(true);
  });

  it('hands a protected VM over', async () => {
    const { world, a, b } = await protectedPair();
    a.type('handed over');
    await world.pass(50);
    a.hypervisor.leave();
    await world.pass(1_100);
    expect(a.end).toEqual({ kind: 'left' });
    expect(b.isReleasing).toBe(true);
    expect(b.console).toBe('handed over');
  });

  it('does not leave a write behind that lands after the next primary has written', async () => {
    const { world, a, b } = await protectedPair();
    world.disk.isSlow = true;
    a.type('write 1 old');
    await world.pass(50);
    a.hypervisor.leave();
    await world.pass(1_200);
    expect(b.isReleasing).toBe(false);
    world.disk.finish();
    await world.pass(50);
    expect(a.end).toEqual({ kind: 'left' });
    expect(b.isReleasing).toBe(true);
    world.disk.isSlow = false;
    b.type('write 1 new');
    world.disk.finish();
    await world.pass(50);
    expect(world.disk.writes.at(-1)).toBe('b:1=new');
  });
});
