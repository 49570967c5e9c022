import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { DriveName } from '../guest/disk-request.js';
import type { SectorStore } from '../host/sector-store.js';
import { DiskCopy } from '../node/disk-copy.js';
import { DiskNotCurrentError } from '../node/disk-copy-error.js';
import { generationsOf } from '../node/generation-stores.js';
import { FileSectorStore } from '../node/file-sector-store.js';
import { ArbiterUnreachableError, StorageUnreachableError } from '../node/generation-error.js';
import type { SharedSecret } from '../node/shared-secret.js';
import type { Vm } from '../node/vm-directory.js';
import type { RoleReport } from '../role/role-effect.js';
import type { OwnDiskSettings } from '../role/role-settings.js';

/** What the operator says about the disks of one replica. */
export interface ReplicaDrivesOptions {
  readonly role: 'primary' | 'backup';
  /** Where a copy is, with replicated disks; null for the place in the VM's directory. */
  readonly dir: string | null;
  readonly takesAny: boolean;
}

/** The disks of one replica, open: those the replicas share, or its own copies. */
export class ReplicaDrives {
  readonly drives: ReadonlyMap<string, SectorStore>;
  readonly ownDisk: OwnDiskSettings | null;
  readonly #copy: DiskCopy | null;
  readonly #takesAny: boolean;

  static async open(
    vm: Vm,
    options: ReplicaDrivesOptions,
    secret: SharedSecret | null,
  ): Promise<ReplicaDrives> {
    const copy = vm.disks === 'replicated' ? await openCopy(vm, options, secret) : null;
    const drives = new Map<string, SectorStore>();
    try {
      for (const { name, path } of vm.spec.drives) {
        const isReadOnly = name === 'cdrom';
        const own = copy && !isReadOnly ? copy.pathOf(name) : path;
        drives.set(name, await FileSectorStore.open({ path: own, isReadOnly }));
      }
      return new ReplicaDrives(vm, drives, copy, options.takesAny);
    } catch (error) {
      for (const drive of drives.values()) await drive.close();
      copy?.close();
      throw error;
    }
  }

  private constructor(
    vm: Vm,
    drives: ReadonlyMap<string, SectorStore>,
    copy: DiskCopy | null,
    takesAny: boolean,
  ) {
    this.drives = drives;
    this.#copy = copy;
    this.#takesAny = takesAny;
    this.ownDisk = ownDiskOf(vm, drives, copy);
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
    for (const drive of this.drives.values()) await drive.close();
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
  drives: ReadonlyMap<string, SectorStore>,
  copy: DiskCopy | null,
): OwnDiskSettings | null {
  if (vm.disks === 'shared') return null;
  if (!copy) return { use: 'reads', id: null, copies: [] };
  const copies = [...drives]
    .filter(([name]) => name !== 'cdrom')
    .map(([name, { byteLength }]) => ({ name: name as DriveName, bytes: byteLength }));
  return { use: 'everything', id: copy.id, copies };
}
