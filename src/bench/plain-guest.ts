import { readFile } from 'node:fs/promises';
import { V86 } from 'v86';
import { openVm } from '../node/vm-directory.js';
import { provideWebSocket } from '../node/ws-global.js';

// Entry of a process: the VM's machine on plain v86 with its own loop, serial port on stdin and
// stdout, its network card on a switch if one is named. What `ftvm bench` compares with; nothing of ftvm's vCPU is in it.
const [, , dir, relayUrl] = process.argv;
if (dir === undefined) throw new Error('usage: plain-guest VM_DIR [ws://SWITCH]');
provideWebSocket();
const { spec } = await openVm(dir);
const buffer = async (path: string): Promise<{ buffer: ArrayBuffer }> => {
  const bytes = await readFile(path);
  return {
    buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  };
};
const hda = spec.drives.find(({ name }) => name === 'hda');
const { kernel } = spec.boot;
if (kernel?.format !== 'multiboot' || !hda) throw new Error('the bench boots the shipped image');

const emulator = new V86({
  wasm_path: new URL('v86.wasm', import.meta.resolve('v86')).pathname,
  memory_size: spec.memoryMiB * 2 ** 20,
  vga_memory_size: spec.vgaMemoryMiB * 2 ** 20,
  multiboot: await buffer(kernel.file.path),
  hda: await buffer(hda.path),
  cmdline: spec.boot.commandLine,
  acpi: spec.acpi,
  net_device: { type: spec.nic?.model ?? 'none', ...(relayUrl && { relay_url: relayUrl }) },
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  autostart: true,
} as unknown as ConstructorParameters<typeof V86>[0]);
emulator.add_listener('serial0-output-byte', (byte: number) => {
  process.stdout.write(Uint8Array.of(byte));
});
process.stdin.on('data', (typed: Buffer) => emulator.serial_send_bytes(0, typed));
process.stdin.on('end', () => process.exit(0));
