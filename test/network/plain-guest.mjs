// A guest on v86 as it comes, with nothing of ours: `node plain-guest.mjs RELAY_URL BIOS VGABIOS KERNEL DISK CMDLINE [NIC]`.
// Its console is on stdin and stdout. It ends when stdin does.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket;
const [relay, bios, vgaBios, kernel, disk, cmdline, nic = 'virtio'] = process.argv.slice(2);
const load = (path) => ({ buffer: new Uint8Array(fs.readFileSync(path)).buffer });
const library = createRequire(import.meta.url).resolve('v86');
const emulator = new V86({
  wasm_path: library.replace('libv86.mjs', 'v86.wasm'),
  memory_size: 128 * 1024 * 1024,
  vga_memory_size: 2 * 1024 * 1024,
  bios: load(bios),
  vga_bios: load(vgaBios),
  multiboot: load(kernel),
  hda: load(disk),
  cmdline,
  net_device: { type: nic, relay_url: relay },
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  autostart: true,
});
emulator.add_listener('serial0-output-byte', (byte) => process.stdout.write(Uint8Array.of(byte)));
process.stdin.on('data', (data) => {
  for (const byte of data) emulator.bus.send('serial0-input', byte);
});
process.stdin.on('end', () => process.exit(0));
