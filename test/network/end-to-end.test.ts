import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseForward } from '../../src/network/forward-rule.js';
import { parseSubnet } from '../../src/network/ipv4-address.js';
import { announceMac } from '../../src/network/mac-announcement.js';
import { parseMac } from '../../src/network/mac-address.js';
import { SwitchHost } from '../../src/node/switch-host.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { Chance } from './chance.js';
import { hasLinuxImage, LinuxGuest } from './linux-guest.js';
import { LossyRelay } from './lossy-relay.js';

const SEED = 20_260;
const forwards = [6379, 80, 9000].map((port) => parseForward(`127.0.0.1:0:${port}`)!);

/** A resolver that knows one name, and says 10.20.30.40. */
async function openResolver() {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = Buffer.concat([
      query,
      Buffer.from('c00c00010001000000200004' + '0a141e28', 'hex'),
    ]);
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(1, 6);
    socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { socket, address: { host: '127.0.0.1', port: socket.address().port } };
}

const dial = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');

describe.skipIf(!hasLinuxImage)('a plain v86 guest on the switch', () => {
  let host: SwitchHost;
  let relay: LossyRelay;
  let guest: LinuxGuest;
  let resolver: Awaited<ReturnType<typeof openResolver>>;
  const portOf = (guestPort: number): number =>
    host.forwards.find((rule) => rule.guestPort === guestPort)!.port;

  beforeAll(async () => {
    resolver = await openResolver();
    host = await SwitchHost.open(new SilentDiagnostics(), {
      listen: { host: '127.0.0.1', port: 0 },
      subnet: parseSubnet('10.0.2.0/24')!,
      forwards,
      uplink: null,
      gateway: true,
      outbound: true,
      hostLoopback: true,
      resolver: resolver.address,
    });
    relay = await LossyRelay.open(host.url, new Chance(SEED));
    guest = await LinuxGuest.boot(relay.url);
  });
  afterAll(async () => {
    await guest?.stop();
    relay?.close();
    await host?.close();
    resolver?.socket.close();
  });

  /** Starts a program in the guest and waits until it listens on port 9000. */
  async function listening(command: string): Promise<void> {
    const listens = 'grep -q ":2328 00000000:0000 0A" /proc/net/tcp';
    await guest.run(`${command} & until ${listens}; do usleep 10000; done`);
  }

  it('has its address from DHCP and its services at ports of the host', async () => {
    expect(await guest.run('ip addr show eth0')).toContain('10.0.2.15/24');
    const page = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${portOf(80)}/`, (response) => {
        let body = '';
        response.on('data', (text: Buffer) => (body += text.toString()));
        response.on('end', () => resolve(body));
      }).on('error', reject);
    });
    expect(page).toContain('</h1>');
    const redis = await dial(portOf(6379));
    redis.write('SET name ftvm\r\nGET name\r\n');
    let said = '';
    redis.on('data', (text: Buffer) => (said += text.toString()));
    await expect.poll(() => said).toBe('+OK\r\n$4\r\nftvm\r\n');
    redis.destroy();
  });

  it('pings the gateway, asks the resolver, and reaches out by TCP and UDP', async () => {
    expect(await guest.run('ping -c 2 10.0.2.2')).toContain('0% packet loss');
    expect(await guest.run('nslookup -type=a ftvm.example 10.0.2.3')).toContain('10.20.30.40');
    const server = createServer((socket) => socket.end('hello from the host\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await guest.run(`nc 10.0.2.2 ${port} < /dev/null`)).toContain('hello from the host');
    server.close();
    // The resolver stands for any UDP service of the host.
    const { port: number } = resolver.address;
    const told = await guest.run(`nslookup -type=a -port=${number} other.example 10.0.2.2`);
    expect(told).toContain('10.20.30.40');
  });

  it.each([
    ['a clean cable', {}, 4],
    ['loss, duplicates and reordering', { loss: 0.02, duplication: 0.02, reordering: 0.03 }, 2],
  ])('moves megabytes both ways over %s, every byte right', async (_name, faults, mebibytes) => {
    Object.assign(relay.toGuest, { faults: { delayMs: 0, ...faults } });
    Object.assign(relay.toSwitch, { faults: { delayMs: 0, ...faults } });
    const data = randomBytes(mebibytes * 1024 * 1024);
    // The guest keeps what it gets, says what it was, and sends it back.
    await listening('nc -l -p 9000 < /dev/null > /tmp/kept');
    (await dial(portOf(9000))).end(data);
    expect(await guest.run('wait; md5sum < /tmp/kept', 90_000)).toContain(md5(data));
    await listening('nc -l -p 9000 < /tmp/kept');
    const chunks: Buffer[] = [];
    const reader = await dial(portOf(9000));
    reader.on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise((resolve, reject) => {
      reader.once('end', resolve);
      reader.once('error', reject);
    });
    expect(md5(Buffer.concat(chunks))).toBe(md5(data));
    reader.end();
    await guest.run('wait; rm /tmp/kept');
    const calm = { faults: { delayMs: 0 } };
    Object.assign(relay.toGuest, calm);
    Object.assign(relay.toSwitch, calm);
  });

  it('keeps a redis connection through five moves to another port, no reset, no answer lost', async () => {
    const [, mac = ''] = /ether ([0-9a-f:]{17})/.exec(await guest.run('ip link show eth0')) ?? [];
    const redis = await dial(portOf(6379));
    let answers = 0;
    let isReset = false;
    let worstMs = 0;
    let askedAtMs = performance.now();
    const ask = (): void => {
      askedAtMs = performance.now();
      redis.write('INCR moves\r\n');
    };
    redis.on('error', () => (isReset = true));
    redis.on('data', (text: Buffer) => {
      answers += 1;
      expect(text.toString()).toBe(`:${answers}\r\n`);
      worstMs = Math.max(worstMs, performance.now() - askedAtMs);
      ask();
    });
    ask();
    for (let move = 1; move <= 5; move += 1) {
      const before = answers;
      relay.pull();
      // What a failover takes. Frames of these milliseconds are lost.
      await new Promise((resolve) => setTimeout(resolve, 30));
      await relay.plugIn();
      relay.goLive(announceMac(parseMac(mac)!, null));
      await expect.poll(() => answers, { timeout: 10_000 }).toBeGreaterThan(before + 20);
    }
    expect(isReset).toBe(false);
    console.log(`worst answer over five moves: ${worstMs.toFixed(0)} ms, ${answers} answers`);
    redis.destroy();
  });
});
