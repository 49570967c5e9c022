import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeGeneration, encodeGeneration } from '../../src/arbiter/generation-codec.js';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import { crc32 } from '../../src/log/crc32.js';
import { encodeRecord } from '../../src/log/log-codec.js';
import { encodeFrame } from '../../src/log/frame.js';
import { encodeLogFileEnd, encodeLogFileHead, frameTags } from '../../src/log/log-file.js';
import { LogFileReader } from '../../src/log/log-file-reader.js';
import { FileEndNotes } from '../../src/node/file-end-notes.js';
import { FileRoster } from '../../src/node/file-roster.js';
import { readGuestImage } from '../../src/node/guest-image.js';
import { kernelFormatOf } from '../../src/node/kernel-format.js';
import { decodeVmFile, encodeVmFile, mapPaths, type VmFile } from '../../src/node/vm-file.js';
import type { Prng } from '../../src/sim/prng.js';
import { identityOf } from '../role/settings.js';
import { joined, jsonOf, mutateBytes, mutateValue } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';
import { sampleRecords } from './wire.js';

const hash = 'ab'.repeat(32);
export const sampleSpec: MachineSpec = {
  memoryMiB: 128,
  vgaMemoryMiB: 2,
  nic: { model: 'virtio', mac: '52:54:00:12:34:56' },
  boot: {
    bios: { path: 'boot/bios.bin', bytes: 1, sha256: hash },
    vgaBios: null,
    kernel: { format: 'bzimage', file: { path: 'boot/kernel', bytes: 1, sha256: hash } },
    initrd: null,
    commandLine: 'console=ttyS0',
  },
  drives: [{ name: 'hda', path: '/images/disk.img', bytes: 1024 }],
  acpi: false,
  jit: true,
  chanceSeed: 2 ** 32 - 1,
  wallClockAtStartMs: 1767322800000,
};
const vmFile: VmFile = {
  id: '4a0d0c5e-57a2-4f37-9f1c-3b7f7a0e8b11',
  name: 'vm',
  createdAt: '2026-01-02T03:04:05.678Z',
  image: { name: 'linux', prompt: '# $', ready: null },
  services: ['redis'],
  append: '',
  spec: sampleSpec,
};
const vmValue: unknown = JSON.parse(encodeVmFile(vmFile));
const generationValue: unknown = JSON.parse(
  encodeGeneration({
    generation: 3,
    vm: vmFile.id,
    holder: identityOf('p'),
    inSync: ['b1', 'b2'],
    reason: 'takeover',
    claimedAt: vmFile.createdAt,
  }),
);
const imageValue = {
  name: 'linux',
  description: 'a guest',
  boot: { multiboot: 'kernel.gz', cmdline: 'console=ttyS0' },
  disk: 'disk.img.br',
  memoryMiB: 128,
  arguments: { services: 'names' },
  services: [{ name: 'redis', port: 6379, ready: 'up' }],
  prompt: '# $',
  files: {
    'kernel.gz': { bytes: 1, sha256: hash, uncompressedBytes: 2, uncompressedSha256: hash },
    'disk.img.br': { bytes: 1, sha256: hash, uncompressedBytes: 512, uncompressedSha256: hash },
  },
};

const sums = { consoleBytes: 1, consoleHash: 2, outputs: 3, outputHash: 4 };
const end = { recordCount: 2, lastEpoch: 3, finalDigest: null, sums, crashedAt: null };
const logFile = joined(
  encodeLogFileHead({ spec: sampleSpec, build: { node: '20' }, createdAtMs: 5 }),
  ...sampleRecords.map((record) => encodeFrame(frameTags.record, encodeRecord(record))),
  encodeLogFileEnd(end),
);

/** Sets the checksum of every frame whose length still makes sense, so that damage gets further. */
export function repairFrames(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const end = at + 8 + view.getUint32(at, true);
    if (end > bytes.byteLength) return;
    const length = bytes.subarray(at, at + 4);
    view.setUint32(at + 4, crc32(bytes.subarray(at + 8, end), crc32(length)), true);
    at = end;
  }
}

/** A directory for the parsers that read their file themselves; made by the first case. */
class Scratch {
  #dir: string | null = null;

  async write(name: string, text: string): Promise<string> {
    this.#dir ??= await mkdtemp(join(tmpdir(), 'ftvm-fuzz-'));
    await writeFile(join(this.#dir, name), text);
    return this.#dir;
  }
  async remove(): Promise<void> {
    if (this.#dir !== null) await rm(this.#dir, { recursive: true });
    this.#dir = null;
  }
}
const scratch = new Scratch();

export const fileTargets: readonly FuzzTarget[] = [
  {
    name: 'log-file',
    share: 100,
    run: (chance: Prng) => {
      const bytes = mutateBytes(chance, [logFile]);
      if (chance.chance(0.9)) repairFrames(bytes);
      const reader = new LogFileReader();
      let records = 0;
      for (let at = 0; at < bytes.byteLength;) {
        const next = at + chance.pick([1, 7, 100, 5_000]);
        records += reader.push(bytes.subarray(at, next)).length;
        at = next;
      }
      reader.finish();
      insist(
        reader.end === null || records === reader.end.recordCount,
        'the end mark counts right',
      );
      return reader.damage ? 'refused' : 'taken';
    },
  },
  {
    name: 'vm-json',
    share: 80,
    run: (chance) => {
      const file = decodeVmFile('vm.json', jsonOf(chance, mutateValue(chance, vmValue)));
      mapPaths(file.spec, (path) => `/${path}`);
      insist(decodeVmFile('vm.json', encodeVmFile(file)).id === file.id, 'it can be written again');
      return 'taken';
    },
  },
  {
    name: 'generation',
    share: 80,
    run: (chance) => {
      const decoded = decodeGeneration(jsonOf(chance, mutateValue(chance, generationValue)));
      if (decoded.kind === 'invalid') return 'refused';
      const again = decodeGeneration(encodeGeneration(decoded.record));
      insist(again.kind === 'record', 'a record that was read can be written again');
      return 'taken';
    },
  },
  {
    name: 'end-note',
    share: 5,
    run: async (chance) => {
      const note = { generation: 3, kind: 'poweredOff', epoch: 8, at: vmFile.createdAt };
      const text = jsonOf(chance, mutateValue(chance, note));
      const dir = await scratch.write('ended-3.json', text);
      return (await new FileEndNotes(dir).read(3)) === null ? 'refused' : 'taken';
    },
    close: () => scratch.remove(),
  },
  {
    name: 'roster',
    share: 5,
    run: async (chance) => {
      const roster = { generation: 3, inSync: [identityOf('b1'), identityOf('b2')] };
      const dir = await scratch.write('roster.json', jsonOf(chance, mutateValue(chance, roster)));
      const read = await new FileRoster(dir).read(3);
      insist(
        read.every(({ replica }) => typeof replica === 'string'),
        'whoever is in it has a name',
      );
      return read.length === 0 ? 'refused' : 'taken';
    },
    close: () => scratch.remove(),
  },
  {
    name: 'image-json',
    share: 5,
    run: async (chance) => {
      const text = jsonOf(chance, mutateValue(chance, imageValue));
      const dir = await scratch.write('image.json', text);
      const image = await readGuestImage(dir);
      for (const file of [image.kernel.file, image.disk]) {
        insist(
          !file || join(file.path, '..') === dir,
          'a file stays in the directory of its image',
        );
      }
      return 'taken';
    },
    close: () => scratch.remove(),
  },
  {
    name: 'kernel',
    share: 10,
    run: (chance) => {
      const kernel = new Uint8Array(0x300);
      if (chance.chance(0.5))
        kernel.set([0x02, 0xb0, 0xad, 0x1b, 0, 0, 0, 0, 0xfe, 0x4f, 0x52, 0xe4]);
      else kernel.set(Buffer.from('HdrS'), 0x202);
      kernel[0x211] = 1;
      return kernelFormatOf(mutateBytes(chance, [kernel])) === null ? 'refused' : 'taken';
    },
  },
];
