import type { DiskRead, DiskWrite } from '../guest/disk-request.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { TemplateRules, WarmStart } from '../guest/warm-start.js';
import type { Digest } from '../host/digest.js';
import type { SectorStore } from '../host/sector-store.js';

/**
 * A guest that stands half-way through its start and is nobody yet: VMs of the same make go on from it.
 *
 * Shape:  it fits disks on which `reads` find what it found there itself, before its own writes: it knows
 *         nothing else of them.
 */
export interface BootTemplate {
  readonly snapshot: Snapshot;
  readonly writes: readonly DiskWrite[];
  readonly reads: readonly DiskRead[];
  /** Of what they found, one after the other. */
  readonly readsDigest: Uint8Array;
}

/** The machine a template is made with: a VM's own, but for what makes it that VM. */
export function templateSpec(
  spec: MachineSpec,
  { argument }: TemplateRules,
  { chanceSeed, wallClockMs }: { readonly chanceSeed: number; readonly wallClockMs: number },
): MachineSpec {
  const { boot, nic } = spec;
  return {
    ...spec,
    chanceSeed,
    wallClockAtStartMs: Math.floor(wallClockMs),
    nic: nic && { ...nic, mac: nobodysMac },
    boot: { ...boot, commandLine: `${boot.commandLine} ${argument}` },
  };
}

/** The digest of what the reads find on these disks. */
export async function digestOfReads(
  reads: readonly DiskRead[],
  disks: ReadonlyMap<string, SectorStore>,
  digest: Digest,
): Promise<Uint8Array> {
  const all = new Uint8Array(reads.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
  let end = 0;
  const places = reads.map((read) => {
    const at = end;
    end += read.lengthBytes;
    return { ...read, at };
  });
  await Promise.all(
    places.map(async ({ drive, offsetBytes, lengthBytes, at }) => {
      const found = await disks.get(drive)?.read(offsetBytes, lengthBytes);
      if (found) all.set(found, at);
    }),
  );
  return digest(all);
}

export async function fitsDisks(
  { reads, readsDigest }: BootTemplate,
  disks: ReadonlyMap<string, SectorStore>,
  digest: Digest,
): Promise<boolean> {
  const found = await digestOfReads(reads, disks, digest);
  return found.every((byte, i) => byte === readsDigest[i]) && found.length === readsDigest.length;
}

/** A VM's own start from a template. `randomBytes` is what makes its random numbers its own. */
export function warmStartOf(
  { snapshot, writes }: BootTemplate,
  spec: MachineSpec,
  { wallClockMs, randomBytes }: { readonly wallClockMs: number; readonly randomBytes: Uint8Array },
): WarmStart {
  const seconds = Math.floor(wallClockMs / 1000);
  const random = [...randomBytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const line = `${seconds} ${spec.nic?.mac ?? '-'} ${random}\n`;
  return {
    snapshot: {
      ...snapshot,
      wallClockAtStartMs: spec.wallClockAtStartMs,
      chanceState: spec.chanceSeed | 0,
    },
    writes,
    greeting: { kind: 'consoleInput', bytes: new TextEncoder().encode(line) },
  };
}

// Locally administered. No frame leaves before the guest has an address of its own.
const nobodysMac = '02:00:00:00:00:00';
