import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseForward } from '../../src/network/forward-rule.js';
import { parseSubnet } from '../../src/network/ipv4-address.js';
import { SwitchHost } from '../../src/node/switch-host.js';
import { Chance } from '../network/chance.js';
import { hasLinuxImage, LinuxGuest } from '../network/linux-guest.js';
import { LossyRelay } from '../network/lossy-relay.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');
const dial = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.on('error', reject);
  });

describe.skipIf(!hasLinuxImage).each(['virtio', 'ne2k'] as const)(
  'a Linux guest with %s',
  (nic) => {
    let host: SwitchHost;
    let relay: LossyRelay;
    let guest: LinuxGuest;
    const portOf = (guestPort: number): number =>
      host.forwards.find((rule) => rule.guestPort === guestPort)!.port;

    beforeAll(async () => {
      host = await SwitchHost.open(new SilentDiagnostics(), {
        listen: { host: '127.0.0.1', port: 0 },
        subnet: parseSubnet('10.0.2.0/24')!,
        forwards: [6379, 80, 9000].map((port) => parseForward(`127.0.0.1:0:${port}`)!),
        uplink: null,
        gateway: true,
        outbound: false,
        hostLoopback: false,
        resolver: null,
        capture: null,
      });
      relay = await LossyRelay.open(host.url, new Chance(1));
      guest = await LinuxGuest.boot(relay.url, nic);
    });
    afterAll(async () => {
      await guest?.stop();
      relay?.close();
      await host?.close();
    });

    it.each([
      [{}, 16],
      [{ loss: 0.01 }, 8],
      [{ loss: 0.05, duplication: 0.05, reordering: 0.1 }, 4],
    ])(
      'gets %j and %d MiB, every byte right',
      async (faults, mebibytes) => {
        relay.toGuest.faults = { delayMs: 0, ...faults };
        relay.toSwitch.faults = { delayMs: 0, ...faults };
        const data = randomBytes(mebibytes * 1024 * 1024);
        const listens = 'grep -q ":2328 00000000:0000 0A" /proc/net/tcp';
        const start = 'nc -l -p 9000 < /dev/null | md5sum > /tmp/sum';
        await guest.run(`${start} & until ${listens}; do usleep 10000; done`);
        const startedAtMs = performance.now();
        (await dial(portOf(9000))).end(data);
        expect(await guest.run('wait; cat /tmp/sum', 300_000)).toContain(md5(data));
        const seconds = (performance.now() - startedAtMs) / 1_000;
        console.log(
          `${nic} ${JSON.stringify(faults)}: ${((mebibytes * 8.39) / seconds).toFixed(0)} Mbit/s`,
        );
        relay.toGuest.faults = { delayMs: 0 };
        relay.toSwitch.faults = { delayMs: 0 };
      },
      300_000,
    );

    it('forgets 10,000 clients that connect and go', async () => {
      for (let batch = 0; batch < 100; batch += 1) {
        await Promise.all(
          Array.from({ length: 100 }, async (_, index) => {
            const socket = await dial(portOf(6379));
            if (index % 2 === 0) socket.end();
            else socket.resetAndDestroy();
            socket.on('end', () => socket.destroy());
            socket.resume();
          }),
        );
      }
      await expect
        .poll(() => host.status().gateway?.connectionCount, { timeout: 60_000, interval: 500 })
        .toBe(0);
      const redis = await dial(portOf(6379));
      redis.write('PING\r\n');
      expect(String(await new Promise((resolve) => redis.once('data', resolve)))).toBe('+PONG\r\n');
      redis.destroy();
    }, 200_000);
  },
);
