import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseSubnet } from '../../src/network/ipv4-address.js';
import { SwitchHost } from '../../src/node/switch-host.js';
import { hasLinuxImage, LinuxGuest } from './linux-guest.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';

const hasPasst = spawnSync('passt', ['--version']).error === undefined;
if (!hasPasst) console.warn('passt is not installed (apt-get install passt): its test is skipped');

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function end(child: ChildProcess): Promise<unknown> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  return gone;
}

it.skipIf(!hasPasst || !hasLinuxImage)(
  'a guest reaches the world, and is reached, through passt',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ftvm-passt-'));
    closers.push(() => rmSync(dir, { recursive: true, force: true }));
    // passt becomes "nobody" when root starts it, and makes its socket there.
    chmodSync(dir, 0o777);
    const path = join(dir, 'socket');
    const port = await freePort();
    const words = ['-f', '-s', path, '-a', '10.0.2.15', '-n', '24', '-g', '10.0.2.2'];
    const passt = spawn('passt', [...words, '-t', `127.0.0.1/${port}:80`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    passt.stderr.on('data', (text: Buffer) => (said += text.toString()));
    const ended = new Promise<string>((resolve) => passt.once('exit', () => resolve('over')));
    const up = expect.poll(() => said, { timeout: 5_000 }).toContain('You can now start qemu');
    if ((await Promise.race([up.then(() => 'up'), ended])) === 'over') {
      console.warn(`passt does not work on this machine, its test is skipped: ${said}`);
      return;
    }
    closers.push(() => end(passt));
    const host = await SwitchHost.open(new SilentDiagnostics(), {
      listen: { host: '127.0.0.1', port: 0 },
      subnet: parseSubnet('10.0.2.0/24')!,
      forwards: [],
      uplink: { kind: 'unix', path },
      gateway: false,
      outbound: false,
      hostLoopback: false,
      resolver: null,
      capture: null,
    });
    closers.push(() => host.close());
    await expect.poll(() => host.status().uplink?.isUp).toBe(true);
    const guest = await LinuxGuest.boot(host.url);
    closers.push(() => guest.stop());
    // From passt's DHCP server.
    expect(await guest.run('ip addr show eth0')).toContain('10.0.2.15/24');
    const page = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/`, (response) => {
        let body = '';
        response.on('data', (text: Buffer) => (body += text.toString()));
        response.on('end', () => resolve(body));
      }).on('error', reject);
    });
    expect(page).toContain('</h1>');
  },
);
