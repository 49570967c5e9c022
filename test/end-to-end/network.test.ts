import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Transcript } from './transcript.js';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

interface SwitchFacts {
  readonly url: string;
  readonly forwards: readonly { readonly port: number }[];
}

/** A connection to the guest's redis that is never made anew. */
class RedisConnection {
  readonly #socket: Socket;
  readonly #answers = new Transcript('the answers of redis');
  /** Set when the connection ends, however it does. */
  isOver = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk: Buffer) => this.#answers.add(chunk));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => (this.isOver = true));
    onTestFinished(() => void this.#socket.destroy());
  }

  /** The answer to one request; a value comes in two lines. */
  async ask(request: string): Promise<string> {
    const from = this.#answers.end;
    this.#socket.write(`${request}\r\n`);
    const [answer] = await this.#answers.until(/^(\+.*|:\d+|\$\d+\r\n.*)\r\n/, from);
    return answer.trim();
  }
}

it.each(['virtio', 'ne2k'])(
  'keeps a TCP connection to the guest through a kill and a planned failover (%s)',
  async (nic) => {
    const words = ['--memory', '64', '--service', 'redis', '--nic', nic];
    const vm = new VmUnderTest(words);
    const ethernet = vm.start(
      'switch',
      '--listen',
      '127.0.0.1:0',
      '--forward',
      '127.0.0.1:0:6379',
      '--json',
    );
    const [line] = await ethernet.stdout.until(/\{.*\}\n/);
    const { url, forwards } = JSON.parse(line) as SwitchFacts;
    const cable = ['--switch', url];
    const primary = await vm.booted(...cable);
    const second = await vm.protect(...cable);

    const redis = new RedisConnection(forwards[0]!.port);
    let acknowledged = 0;
    const work = async (until: number): Promise<void> => {
      while (acknowledged < until) {
        expect(await redis.ask(`SET key:${acknowledged + 1} ${acknowledged + 1}`)).toBe('+OK');
        acknowledged += 1;
      }
    };
    await work(50);
    const through = work(150);
    await primary.kill();
    await live(second);
    await through;

    const third = await vm.protect(...cable);
    const more = work(250);
    const { status, stdout } = await vm.run('failover', vm.dir);
    expect(status).toBe(0);
    expect(stdout).toContain(`process ${third.pid} `);
    await live(third);
    await more;
    // The old primary is the backup now.
    await inSync(second);

    for (let i = 1; i <= acknowledged; i += 1) {
      expect(await redis.ask(`GET key:${i}`)).toBe(`$${String(i).length}\r\n${i}`);
    }
    expect(redis.isOver).toBe(false);
    expect((await vm.run('stop', vm.dir)).status).toBe(0);
  },
);

it('refuses to hand a VM over that has no backup', async () => {
  const vm = new VmUnderTest();
  await vm.booted();
  const { status, stderr } = await vm.run('failover', vm.dir);
  expect(status).toBe(4);
  expect(stderr).toContain('[FTVM_FAILOVER]');
});
