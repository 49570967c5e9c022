import type { GenerationRecord } from '../arbiter/generation-record.js';
import { chunkBytesMax } from '../disk/disk-resync.js';
import { plainDrive, type Drive } from '../disk/drive.js';
import { OverlayDrive } from '../disk/overlay-drive.js';
import type { DriveName } from '../guest/disk-request.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { SectorStore } from '../host/sector-store.js';
import { DiskCopy, type DiskCopyOptions } from '../node/disk-copy.js';
import { DiskNotCurrentError } from '../node/disk-copy-error.js';
import { generationsOf } from '../node/generation-stores.js';
import { FileLayerFiles, layersDirOf } from '../node/file-layer-files.js';
import { FileSectorStore } from '../node/file-sector-store.js';
import { ArbiterUnreachableError, StorageUnreachableError } from '../node/generation-error.js';
import { NodeClock } from '../node/node-clock.js';
import { NodeEntropy } from '../node/node-entropy.js';
import type { SharedSecret } from '../node/shared-secret.js';
import type { Vm } from '../node/vm-directory.js';
import type { RoleReport } from '../role/role-effect.js';
import type { OwnDiskSettings } from '../role/role-settings.js';

/** What the operator says about the disks of one replica. */
export interface ReplicaDrivesOptions {
  readonly role: DiskCopyOptions['role'];
  /** Where a copy is, with replicated disks; null for the place in the VM's directory. */
  readonly dir: string | null;
  readonly takesAny: boolean;
}

/** The disks of one replica, open: those the replicas share, or its own copies. */
export class ReplicaDrives {
  readonly ownDisk: OwnDiskSettings | null;
  readonly #vm: Vm;
  readonly #images: ReadonlyMap<DriveName, SectorStore>;
  readonly #diagnostics: Diagnostics;
  readonly #copy: DiskCopy | null;
  readonly #takesAny: boolean;

  static async open(
    vm: Vm,
    options: ReplicaDrivesOptions,
    host: { readonly secret: SharedSecret | null; readonly diagnostics: Diagnostics },
  ): Promise<ReplicaDrives> {
    const { secret, diagnostics } = host;
    const copy = vm.disks === 'replicated' ? await openCopy(vm, options, secret) : null;
    const images = new Map<DriveName, SectorStore>();
    try {
      for (const { name, path } of vm.spec.drives) {
        const isReadOnly = name === 'cdrom';
        const own = copy && !isReadOnly ? copy.pathOf(name) : path;
        images.set(name, await FileSectorStore.open({ path: own, isReadOnly }));
      }
      return new ReplicaDrives(vm, images, diagnostics, copy, options.takesAny);
    } catch (error) {
      for (const image of images.values()) await image.close();
      copy?.close();
      throw error;
    }
  }

  private constructor(
    vm: Vm,
    images: ReadonlyMap<DriveName, SectorStore>,
    diagnostics: Diagnostics,
    copy: DiskCopy | null,
    takesAny: boolean,
  ) {
    this.#vm = vm;
    this.#images = images;
    this.#diagnostics = diagnostics;
    this.#copy = copy;
    this.#takesAny = takesAny;
    this.ownDisk = ownDiskOf(vm, images, copy);
  }

  /** For one replica of this process; the images stay open for the next. */
  drivesOf(writer: string): ReadonlyMap<string, Drive> {
    return new Map(
      [...this.#images].map(([name, image]) => [
        name,
        // Only what several replicas share and a guest can write to has layers.
        this.#copy || name === 'cdrom' ? plainDrive(image) : this.#overlay(name, image, writer),
      ]),
    );
  }

  #overlay(drive: DriveName, image: SectorStore, writer: string): Drive {
    return new OverlayDrive({
      clock: new NodeClock(),
      files: new FileLayerFiles(layersDirOf(this.#vm.dir, drive)),
      image,
      writer,
      nonce: () => Buffer.from(new NodeEntropy().bytes(4)).readUInt32LE(),
      onTrouble: (what, error) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#diagnostics.warn(`Could not finish ${what}; nothing is lost`, { drive, why });
      },
    });
  }

  /** Errors: DiskNotCurrentError if another copy was live last. */
  mayFollow(latest: GenerationRecord): void {
    if (!this.#copy || this.#takesAny || latest.disk === this.#copy.id) return;
    throw new DiskNotCurrentError(this.#copy.dir, latest);
  }

  /** A copy is useless from the moment it begins to change into another one, until it has. */
  note(report: RoleReport): void {
    if (report.kind === 'welcomed') this.#copy?.mark('syncing');
    if (report.kind === 'inSync') this.#copy?.mark('complete');
  }

  async close(): Promise<void> {
    for (const image of this.#images.values()) await image.close();
    this.#copy?.close();
  }
}

async function openCopy(
  vm: Vm,
  options: ReplicaDrivesOptions,
  secret: SharedSecret | null,
): Promise<DiskCopy> {
  const latest = await generationsOf(vm, secret).latest();
  // Which copy is the right one is not ours to guess.
  if (latest.kind === 'unreachable') {
    throw vm.arbiter === null
      ? new StorageUnreachableError(latest.why)
      : new ArbiterUnreachableError(latest.why);
  }
  return DiskCopy.open(vm, { ...options, latest: latest.kind === 'found' ? latest.record : null });
}

function ownDiskOf(
  vm: Vm,
  images: ReadonlyMap<DriveName, SectorStore>,
  copy: DiskCopy | null,
): OwnDiskSettings | null {
  if (vm.disks === 'shared') return null;
  if (!copy) return { use: 'reads', id: null, copies: [], chunkBytes: chunkBytesMax };
  const copies = [...images]
    .filter(([name]) => name !== 'cdrom')
    .map(([name, { byteLength }]) => ({ name, bytes: byteLength }));
  return { use: 'everything', id: copy.id, copies, chunkBytes: chunkBytesMax };
}
