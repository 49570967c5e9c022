import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { foldIntoImage, type FoldProgress } from '../disk/image-fold.js';
import { LayerChain } from '../disk/layer-chain.js';
import { LayerStack } from '../disk/layer-stack.js';
import { readThrough } from '../disk/layered-read.js';
import type { ImageState } from '../disk/layer-head.js';
import type { DriveName } from '../guest/disk-request.js';
import type { DriveSpec } from '../guest/machine-spec.js';
import { diskError } from './disk-error.js';
import { FileLayerFiles, layersDirOf } from './file-layer-files.js';
import { FileSectorStore } from './file-sector-store.js';
import { NodeEntropy } from './node-entropy.js';
import { SparseWriter } from './sparse-file.js';
import type { Vm } from './vm-directory.js';

/** What lies on an image. */
export interface DiskReport {
  readonly drive: DriveName;
  readonly image: string;
  readonly bytes: number;
  /** Of the layers, in files and in bytes; without any the image is the disk. */
  readonly layers: number;
  readonly layerBytes: number;
  readonly state: ImageState;
}

/** The disks of a VM, looked at from outside. Errors: DiskError, LayerCorruptError. */
export async function inspectDisks(vm: Vm): Promise<DiskReport[]> {
  const reports: DiskReport[] = [];
  for (const { name, path, bytes } of disksOf(vm)) {
    const chain = new LayerChain(filesOf(vm, name));
    try {
      await chain.refresh();
      const { sealed, newest } = chain;
      reports.push({
        drive: name,
        image: path,
        bytes,
        layers: sealed.length,
        layerBytes: sealed.reduce((sum, layer) => sum + layer.bytes, 0),
        state: newest?.scan.head.image ?? 'still',
      });
    } finally {
      await chain.close();
    }
  }
  return reports;
}

/** Writes a disk as it is now into a file of its own: the image, and what lies on it. */
export async function copyDisk(
  vm: Vm,
  { name, path }: DriveSpec,
  out: string,
  progress: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const image = await FileSectorStore.open({ path, isReadOnly: true });
  const chain = new LayerChain(filesOf(vm, name));
  const draft = `${out}.part`;
  try {
    await chain.refresh();
    const file = await openNew(draft);
    try {
      const writer = new SparseWriter(file);
      for (let at = 0; at < image.byteLength; at += pieceBytes) {
        const lengthBytes = Math.min(pieceBytes, image.byteLength - at);
        await writer.write(Buffer.from(await readThrough(chain.map, image, at, lengthBytes)));
        progress(at + lengthBytes, image.byteLength);
      }
      await writer.finish();
      await rename(draft, out);
    } catch (cause) {
      await rm(draft, { force: true });
      throw cause;
    } finally {
      await file.close();
    }
  } finally {
    await chain.close();
    await image.close();
  }
}

/** Copies what lies on an image into it. Whoever begins meanwhile is not disturbed, and ends it. */
export async function foldDisk(
  vm: Vm,
  { name, path }: DriveSpec,
  progress: FoldProgress,
  options: { readonly nobodyElseWrites: boolean },
): Promise<'folded' | 'stopped' | 'haunted'> {
  const files = filesOf(vm, name);
  const chain = new LayerChain(files);
  await chain.refresh();
  const { newest } = chain;
  if (!newest) return 'folded';
  const image = await FileSectorStore.open({ path });
  const chance = new NodeEntropy();
  const nonce = (): number => Buffer.from(chance.bytes(4)).readUInt32LE();
  const { generation } = newest.scan.head;
  const owner = { generation, writer: `fold-${nonce().toString(16)}`, nonce };
  const stack = await LayerStack.begin(files, owner, chain);
  try {
    return await foldIntoImage(stack, image, progress, options);
  } finally {
    await stack.close();
    await image.close();
  }
}

/** Those a guest can write to. */
export function disksOf({ spec }: Pick<Vm, 'spec'>): DriveSpec[] {
  return spec.drives.filter(({ name }) => name !== 'cdrom');
}

function filesOf(vm: Vm, drive: DriveName): FileLayerFiles {
  return new FileLayerFiles(layersDirOf(vm.dir, drive));
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w');
  } catch (cause) {
    throw diskError({ operation: 'write', path, offsetBytes: null }, cause);
  }
}

const pieceBytes = 1024 * 1024;
