import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFrame } from '../../src/network/ethernet-frame.js';
import { parseSubnet } from '../../src/network/ipv4-address.js';
import { broadcastMac } from '../../src/network/mac-address.js';
import { SwitchHost } from '../../src/node/switch-host.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { FrameSource } from './frame-source.js';

const A = 0x02_00_00_00_00_0a;

let directory: string;
let diagnostics: SilentDiagnostics;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ftvm-test-'));
  diagnostics = new SilentDiagnostics();
});
afterEach(() => rmSync(directory, { recursive: true }));

const openSwitch = (capture: string): Promise<SwitchHost> =>
  SwitchHost.open(diagnostics, {
    listen: { host: '127.0.0.1', port: 0 },
    subnet: parseSubnet('10.0.2.0/24')!,
    forwards: [],
    uplink: null,
    gateway: false,
    outbound: true,
    hostLoopback: false,
    resolver: null,
    capture,
  });

interface Block {
  readonly type: number;
  readonly body: DataView;
}

/** Walks a capture by the lengths before and after each block, as a reader does. */
function blocksOf(bytes: Uint8Array): Block[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const length = view.getUint32(at + 4, true);
    expect(length % 4).toBe(0);
    expect(view.getUint32(at + length - 4, true)).toBe(length);
    const body = new DataView(bytes.buffer, bytes.byteOffset + at + 8, length - 12);
    blocks.push({ type: view.getUint32(at, true), body });
    at += length;
  }
  return blocks;
}

describe('a capture', () => {
  it('has every frame as it came in, when it came in, and the port', async () => {
    const path = join(directory, 'kill.pcapng');
    const startedMs = Date.now() - 1;
    const host = await openSwitch(path);
    const [first, second] = [await FrameSource.open(host.url), await FrameSource.open(host.url)];
    const frames = [61, 62].map((bytes) => newFrame(broadcastMac, A, 0x88b5, bytes - 14));
    first.send(frames[0]!);
    await expect.poll(() => second.received.length).toBe(1);
    second.send(frames[1]!);
    await expect.poll(() => first.received.length).toBe(1);
    first.close();
    second.close();
    await host.close();

    const blocks = blocksOf(readFileSync(path));
    expect(blocks.map((block) => block.type)).toEqual([0x0a0d0d0a, 1, 6, 1, 6]);
    const packets = blocks.filter((block) => block.type === 6).map((block) => block.body);
    packets.forEach((packet, n) => {
      expect(packet.getUint32(0, true)).toBe(n);
      const atMs = (packet.getUint32(4, true) * 2 ** 32 + packet.getUint32(8, true)) / 1000;
      expect(atMs).toBeGreaterThan(startedMs);
      expect(atMs).toBeLessThan(Date.now() + 1);
      const kept = new Uint8Array(
        packet.buffer,
        packet.byteOffset + 20,
        packet.getUint32(12, true),
      );
      expect(Buffer.from(kept).equals(frames[n]!)).toBe(true);
    });
  });

  it('that cannot begin says so before anything is served', async () => {
    await expect(openSwitch(join(directory, 'no', 'such.pcapng'))).rejects.toMatchObject({
      code: 'FTVM_LOG_WRITE',
    });
  });

  it('that the disk has no room for ends with a warning, and the network goes on', async () => {
    const host = await openSwitch('/dev/full');
    const [a, b] = [await FrameSource.open(host.url), await FrameSource.open(host.url)];
    const frame = newFrame(broadcastMac, A, 0x88b5, 1000);
    for (let n = 0; n < 200; n += 1) a.send(frame);
    await expect.poll(() => b.received.length).toBe(200);
    expect(diagnostics.messages).toEqual(['warn The capture has ended']);
    a.close();
    b.close();
    await host.close();
  });
});
