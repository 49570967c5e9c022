import { describe, expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { EpochLoop, type LoopPort } from '../../src/vcpu/epoch-loop.js';
import type { EpochRunner } from '../../src/vcpu/epoch-runner.js';
import type { VcpuCommand } from '../../src/vcpu/vcpu-message.js';
import type { VcpuEvent } from '../../src/vcpu/vcpu.js';

class Enough extends Error {}

/** The posts of a live vCPU that gets `commands` between two epochs, until the epoch after those has been told. */
async function postsAfter(
  commands: readonly VcpuCommand[],
  outputs: readonly GuestOutput[] = [],
): Promise<VcpuEvent[][]> {
  const posts: VcpuEvent[][] = [];
  const lastDigest = { epoch: 0 };
  const runner = {
    lastDigest,
    lastEpoch: 0,
    endMs: 0,
    isPaused: false,
    isQuietAfter: () => true,
    runEpoch: ({ epoch, events }: LogRecord) => {
      runner.lastEpoch = epoch;
      // What the guest does about the events of this epoch.
      return {
        outputs: events.length > 0 ? outputs : [],
        after: lastDigest,
        sleepMs: 0,
        rounds: 1,
        next: 'run',
      };
    },
  };
  const turns: (readonly VcpuCommand[])[] = [[{ kind: 'goLive' }], commands, []];
  const port: LoopPort = {
    take: () => turns.shift() ?? [],
    sleep: () => undefined,
    post: (events) => {
      posts.push([...events]);
      if (turns.length === 0 && events.some((event) => event.kind === 'ran')) throw new Enough();
    },
  };
  const loop = new EpochLoop(runner as unknown as EpochRunner, port, () => performance.now());
  await expect(loop.run()).rejects.toThrow(Enough);
  return posts;
}

const frame = (byte: number): Uint8Array => Uint8Array.of(byte);
const received = (byte: number): GuestEvent => ({ kind: 'frameReceived', frame: frame(byte) });
const records = (posts: readonly VcpuEvent[][]): LogRecord[] =>
  posts.flat().flatMap((event) => (event.kind === 'recorded' ? [event.record] : []));

describe('§3.5 "Clustering: one transmit trap per group of packets; one receive interrupt per group" (8c)', () => {
  it('frames that come while an epoch runs enter together, in one record', async () => {
    const commands: VcpuCommand[] = [
      { kind: 'inject', events: [received(1), received(2)] },
      { kind: 'inject', events: [received(3)] },
    ];
    const withEvents = records(await postsAfter(commands)).filter(
      ({ events }) => events.length > 0,
    );
    expect(withEvents.map(({ events }) => events)).toEqual([
      [received(1), received(2), received(3)],
    ]);
  });

  it('frames that the guest sends in an epoch leave its thread in one message', async () => {
    const sent = [1, 2, 3].map((byte): GuestOutput => ({ kind: 'frameSent', frame: frame(byte) }));
    const posts = await postsAfter([{ kind: 'inject', events: [received(9)] }], sent);
    const carrying = posts.filter((events) =>
      events.some((event) => event.kind === 'ran' && event.outputs.length > 0),
    );
    expect(carrying).toHaveLength(1);
    expect(carrying[0]!.flatMap((event) => (event.kind === 'ran' ? event.outputs : []))).toEqual(
      sent,
    );
  });
});
