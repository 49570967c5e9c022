import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const images = new URL('../../images/', import.meta.url);
const program = fileURLToPath(new URL('plain-guest.mjs', import.meta.url));

export const hasLinuxImage = existsSync(new URL('linux/image.json', images));

const unpack = (name: string): Uint8Array =>
  brotliDecompressSync(readFileSync(new URL(name, images)));

/** The shipped Linux on v86 as it comes, in a process of its own, with its console at hand. */
export class LinuxGuest {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #dir: string;
  #console = '';

  /** `relay` is what v86 is told as `relay_url`. */
  static async boot(relay: string, nic: 'virtio' | 'ne2k' = 'virtio'): Promise<LinuxGuest> {
    const guest = new LinuxGuest(relay, nic);
    await guest.seen(/guest:~# $/);
    return guest;
  }

  private constructor(relay: string, nic: string) {
    this.#dir = mkdtempSync(join(tmpdir(), 'ftvm-network-'));
    const kernel = join(this.#dir, 'kernel');
    const disk = join(this.#dir, 'disk');
    writeFileSync(kernel, unpack('linux/vmlinuz.br'));
    writeFileSync(disk, unpack('linux/rootfs.ext4.br'));
    const bios = ['bios.bin', 'vgabios.bin'].map((name) =>
      fileURLToPath(new URL(`bios/${name}`, images)),
    );
    const words =
      'console=ttyS0 root=/dev/sda rw rootfstype=ext4 quiet net=dhcp services=redis,httpd';
    this.#process = spawn(process.execPath, [program, relay, ...bios, kernel, disk, words, nic]);
    this.#process.stdout.on('data', (data: Buffer) => (this.#console += data.toString('latin1')));
    this.#process.stderr.on('data', (data: Buffer) => (this.#console += data.toString('latin1')));
  }

  /** What the command printed, once it is done. */
  async run(command: string, msMax = 60_000): Promise<string> {
    const mark = `done-${Math.random().toString(36).slice(2, 10)}`;
    this.#console = '';
    // In two halves, so that the echo of the command is not taken for its end.
    this.#process.stdin.write(`${command}; echo ${mark.slice(0, 4)}''${mark.slice(4)}\n`);
    await this.seen(new RegExp(`${mark}\r?\n`), msMax);
    const text = this.#console.replace(/\r/g, '');
    return text.slice(text.indexOf('\n') + 1, text.indexOf(`${mark}\n`));
  }

  /** Starts a command and goes on. */
  start(command: string): void {
    this.#process.stdin.write(`${command} &\n`);
  }

  async seen(pattern: RegExp, msMax = 60_000): Promise<void> {
    const untilMs = Date.now() + msMax;
    while (!pattern.test(this.#console)) {
      if (Date.now() > untilMs || this.#process.exitCode !== null) {
        throw new Error(`no ${String(pattern)} on the console: ${this.#console.slice(-500)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null && this.#process.kill('SIGKILL')) await gone;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
