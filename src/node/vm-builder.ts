import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootSpec, DriveSpec, FileSpec, NicSpec } from '../guest/machine-spec.js';
import { syncDirectory } from './exclusive-file.js';
import { wholeSectors } from './file-sector-store.js';
import type { GuestImage, ImageFile } from './guest-image.js';
import { DEFAULT_IMAGE, findBios, findImage } from './image-catalogue.js';
import { unpackImageFile } from './image-unpacker.js';
import { kernelFormatOf, type KernelFormat } from './kernel-format.js';
import { KernelFormatError, MemorySizeError } from './option-error.js';
import { encodeVmFile, MEMORY_MIB_MAX } from './vm-file.js';
import {
  checkConsole,
  checkServices,
  inspectDrive,
  readOptionFile,
  wantsImage,
  type VmOptions,
} from './vm-options.js';

/** How far the making of a VM is: `what` is a file of it, in words. */
export type VmProgress = (what: string, doneBytes: number, totalBytes: number) => void;

const MIB = 1024 * 1024;
/** What the gateway of `ftvm switch` expects of the one guest behind it, without a wait for DHCP. */
const GUEST_NETWORK = 'ip=10.0.2.15/24 gw=10.0.2.2 dns=10.0.2.3';
/** v86 loads the initrd of a bzImage there, whatever the memory size. */
const BZIMAGE_INITRD_AT_MIB = 64;

/**
 * Fills the empty directory `dir` with a new VM:
 *
 * ```
 * vm.json       the machine                         disk/hda.img   the image's disk, unpacked
 * boot/         copies of kernel, initrd, BIOS      generations/   who is live, from 1
 * ```
 * Everything is durable when it resolves. Errors: those of options and images; what goes wrong in
 * `dir` itself is left as the operating system's error.
 */
export async function buildVm(
  dir: string,
  name: string,
  options: VmOptions,
  progress: VmProgress,
): Promise<void> {
  const image = wantsImage(options) ? await findImage(options.image ?? DEFAULT_IMAGE) : null;
  const services = options.services ?? [];
  checkServices(services, image);
  checkConsole(options, image);
  const ownDrives = await drivesOf(options, image !== null && image.disk !== null);
  for (const part of ['boot', 'disk', 'generations']) await mkdir(join(dir, part));

  const memoryMiB = memoryOf(options, image);
  const boot = await new BootBuilder(dir, options, image, memoryMiB).build();
  const drives = [...(await unpackDisk(dir, image, progress)), ...ownDrives];
  const text = encodeVmFile({
    id: randomUUID(),
    name,
    createdAt: new Date().toISOString(),
    image: image && {
      name: image.name,
      prompt: image.prompt,
      ready: image.ready,
      template: image.template,
    },
    services,
    append: options.append ?? '',
    disks: options.disks ?? 'shared',
    arbiter: options.arbiter ?? null,
    spec: {
      memoryMiB,
      // A serial console needs no more; a screen gets v86's usual size.
      vgaMemoryMiB: boot.vgaBios === null ? 2 : 8,
      nic: nicOf(options.nic ?? 'virtio'),
      boot,
      drives,
      acpi: options.acpi ?? image?.acpi ?? false,
      jit: options.jit ?? true,
      ...(options.console === 'screen' && { console: options.console }),
      chanceSeed: randomBytes(4).readUInt32LE(),
      wallClockAtStartMs: Date.now(),
    },
  });
  await writeDurably(join(dir, 'vm.json'), text);
  for (const part of ['boot', 'disk', '.']) await syncDirectory(join(dir, part));
}

function memoryOf(options: VmOptions, image: GuestImage | null): number {
  const memoryMiB = options.memoryMiB ?? image?.memoryMiB ?? 128;
  if (image !== null && memoryMiB < image.memoryMiBMin) {
    const why = `the image ${image.name} does not run in ${memoryMiB} MiB`;
    throw new MemorySizeError(why, image.memoryMiBMin, MEMORY_MIB_MAX);
  }
  return memoryMiB;
}

/** Puts what the machine boots into `boot/`. */
class BootBuilder {
  readonly #dir: string;
  readonly #options: VmOptions;
  readonly #image: GuestImage | null;
  readonly #memoryMiB: number;

  constructor(dir: string, options: VmOptions, image: GuestImage | null, memoryMiB: number) {
    this.#dir = dir;
    this.#options = options;
    this.#image = image;
    this.#memoryMiB = memoryMiB;
  }

  async build(): Promise<BootSpec> {
    const kernel = await this.#kernel();
    const initrd = await this.#initrd(kernel?.format ?? null);
    // Multiboot needs no BIOS; a bzImage needs SeaBIOS, and a drive needs the screen's BIOS as well.
    const firmware = kernel?.format === 'multiboot' ? null : await findBios();
    const bios = firmware && (await this.#unpack(firmware.bios, 'bios.bin'));
    const vgaBios =
      firmware && (kernel === null || this.#options.console === 'screen')
        ? await this.#unpack(firmware.vgaBios, 'vgabios.bin')
        : null;
    return { bios, vgaBios, kernel, initrd, commandLine: kernel ? this.#commandLine() : '' };
  }

  async #kernel(): Promise<BootSpec['kernel']> {
    const { kernel } = this.#options;
    if (kernel !== undefined) {
      const { data } = await readOptionFile('--kernel', kernel);
      const format = kernelFormatOf(data);
      if (format === null) throw new KernelFormatError(kernel);
      return { format, file: await this.#write('kernel', data) };
    }
    if (this.#image === null) return null;
    const { format, file } = this.#image.kernel;
    return { format, file: await this.#unpack(file, 'kernel') };
  }

  async #initrd(format: KernelFormat | null): Promise<FileSpec | null> {
    const { initrd } = this.#options;
    if (initrd === undefined) return null;
    const { data } = await readOptionFile('--initrd', initrd);
    const neededMiB = Math.ceil(BZIMAGE_INITRD_AT_MIB + data.byteLength / MIB) + 1;
    if (format === 'bzimage' && this.#memoryMiB < neededMiB) {
      throw new MemorySizeError(
        `a bzImage finds its initrd above ${BZIMAGE_INITRD_AT_MIB} MiB, so memory of ` +
          `${this.#memoryMiB} MiB cannot hold ${initrd}`,
        neededMiB,
        MEMORY_MIB_MAX,
      );
    }
    return this.#write('initrd', data);
  }

  #commandLine(): string {
    const services = this.#options.services ?? [];
    const append = this.#options.append ?? '';
    const words = [
      this.#image?.commandLine ?? 'console=ttyS0',
      this.#takesNetwork(append) ? GUEST_NETWORK : '',
      services.length > 0 ? `services=${services.join(',')}` : '',
      append,
    ];
    return words.filter((word) => word !== '').join(' ');
  }

  /** Whether the guest gets its address from us: it knows the words, has a card, and no other. */
  #takesNetwork(append: string): boolean {
    const knows = ['ip', 'gw', 'dns'].every((word) => this.#image?.arguments.includes(word));
    return knows && this.#options.nic !== 'none' && !/(^|\s)(ip|net)=/.test(append);
  }

  async #write(name: string, data: Buffer): Promise<FileSpec> {
    await writeDurably(join(this.#dir, 'boot', name), data);
    const sha256 = createHash('sha256').update(data).digest('hex');
    return { path: `boot/${name}`, bytes: data.byteLength, sha256 };
  }

  async #unpack(file: ImageFile, name: string): Promise<FileSpec> {
    await unpackImageFile(file, join(this.#dir, 'boot', name));
    const { uncompressedBytes: bytes, uncompressedSha256: sha256 } = file;
    return { path: `boot/${name}`, bytes, sha256 };
  }
}

async function unpackDisk(
  dir: string,
  image: GuestImage | null,
  progress: VmProgress,
): Promise<DriveSpec[]> {
  if (!image?.disk) return [];
  const path = 'disk/hda.img';
  await unpackImageFile(image.disk, join(dir, path), (done, total) => {
    progress('disk', done, total);
  });
  return [{ name: 'hda', path, bytes: wholeSectors(image.disk.uncompressedBytes) }];
}

/** Drives of the owner, used where they are; the image's own disk comes first. */
async function drivesOf({ disk, cdrom }: VmOptions, hasImageDisk: boolean): Promise<DriveSpec[]> {
  const drives: DriveSpec[] = [];
  if (disk !== undefined) {
    const name = hasImageDisk ? 'hdb' : 'hda';
    drives.push({ name, ...(await inspectDrive('--disk', disk, 'r+')) });
  }
  if (cdrom !== undefined) {
    drives.push({ name: 'cdrom', ...(await inspectDrive('--cdrom', cdrom, 'r')) });
  }
  return drives;
}

/** A random address of those reserved for private use, with the prefix virtual machines have. */
function nicOf(model: 'virtio' | 'ne2k' | 'none'): NicSpec | null {
  if (model === 'none') return null;
  const own = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0'));
  return { model, mac: ['52', '54', '00', ...own].join(':') };
}

async function writeDurably(path: string, data: string | Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}
