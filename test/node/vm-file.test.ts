import { describe, expect, it } from 'vitest';
import { decodeVmFile, encodeVmFile, type VmFile } from '../../src/node/vm-file.js';
import {
  VmFileFieldError,
  VmFileSyntaxError,
  VmFileVersionError,
} from '../../src/node/vm-error.js';

const file: VmFile = {
  id: '4a0d0c5e-57a2-4f37-9f1c-3b7f7a0e8b11',
  name: 'vm',
  createdAt: '2026-01-02T03:04:05.678Z',
  image: {
    name: 'linux',
    prompt: '# $',
    ready: null,
    template: { argument: 'template=1', ready: 'copy me' },
  },
  services: ['redis'],
  append: '',
  disks: 'replicated',
  arbiter: 'http://127.0.0.1:7400',
  spec: {
    memoryMiB: 128,
    vgaMemoryMiB: 2,
    nic: { model: 'virtio', mac: '52:54:00:12:34:56' },
    boot: {
      bios: { path: 'boot/bios.bin', bytes: 1, sha256: 'a'.repeat(64) },
      vgaBios: null,
      kernel: {
        format: 'bzimage',
        file: { path: 'boot/kernel', bytes: 1, sha256: 'b'.repeat(64) },
      },
      initrd: null,
      commandLine: 'console=ttyS0',
    },
    drives: [{ name: 'hda', path: '/images/disk.img', bytes: 1024 }],
    acpi: false,
    jit: true,
    chanceSeed: 4294967295,
    wallClockAtStartMs: 1767322800000,
  },
};
const text = encodeVmFile(file);

type Json = Record<string, unknown>;

/** The path of every value inside `value`, outermost first. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    [...path, name],
    ...pathsOf(inner, [...path, name]),
  ]);
}

/** The file with the value at `path` replaced, or taken out. */
function changed(path: string[], value: unknown): string {
  const copy = JSON.parse(text) as Json;
  const owner = path.slice(0, -1).reduce((at, name) => at[name] as Json, copy);
  const name = path.at(-1) as string;
  if (value === undefined && !Array.isArray(owner)) delete owner[name];
  else owner[name] = value;
  return JSON.stringify(copy);
}

describe('vm.json', () => {
  it('reads back as it was written', () => {
    expect(decodeVmFile('vm.json', text)).toEqual(file);
  });

  it('may have fields of a later release of the same version', () => {
    const extended = JSON.stringify({ ...(JSON.parse(text) as Json), colour: 'red' });
    expect(decodeVmFile('vm.json', extended)).toEqual(file);
  });

  it('is a typed error wherever it breaks off', () => {
    for (let length = 0; length < text.length - 2; length += 1) {
      expect(() => decodeVmFile('vm.json', text.slice(0, length))).toThrow(VmFileSyntaxError);
    }
  });

  it.each(['\u0000'.repeat(4096), '{"version": 1,}', "{'version': 1}", 'ELF\u007f'])(
    'is a typed error when it is no JSON: %j',
    (garbage) => {
      expect(() => decodeVmFile('vm.json', garbage)).toThrow(VmFileSyntaxError);
    },
  );

  it.each(['null', '[]', '7', '"vm"', '{}'])(
    'is a typed error when it is other JSON: %s',
    (json) => {
      expect(() => decodeVmFile('vm.json', json)).toThrow(VmFileFieldError);
    },
  );

  it('of a release that had only shared disks has those', () => {
    expect(decodeVmFile('vm.json', changed(['disks'], undefined)).disks).toBe('shared');
  });

  it.each(pathsOf(JSON.parse(text)).map((path) => [path.join('.'), path] as const))(
    'checks the type of %s',
    (_, path) => {
      const mayBeMissing =
        ['disks', 'arbiter'].includes(String(path[0])) || path.at(-1) === 'template';
      for (const wrong of [...(mayBeMissing ? [] : [undefined]), { odd: true }, [[]], -1.5]) {
        expect(() => decodeVmFile('/vms/a/vm.json', changed(path, wrong))).toThrow(
          VmFileFieldError,
        );
      }
    },
  );

  it.each([
    [['id'], 'not-a-uuid', 'id should be'],
    [['spec', 'memoryMiB'], 8, 'spec.memoryMiB should be a whole number from 12 to 3072, it is 8'],
    [['spec', 'nic', 'model'], 'e1000', 'spec.nic.model should be ne2k or virtio, it is "e1000"'],
    [['spec', 'nic', 'mac'], '52:54:00:12:34', 'spec.nic.mac'],
    [['spec', 'boot', 'kernel', 'format'], 'elf', 'spec.boot.kernel.format'],
    [['spec', 'boot', 'bios', 'sha256'], 'A'.repeat(64), 'spec.boot.bios.sha256'],
    [['spec', 'boot', 'bios', 'path'], '', 'spec.boot.bios.path'],
    [['spec', 'drives', '0', 'name'], 'hdc', 'spec.drives[0].name'],
    [['spec', 'drives', '0', 'path'], 'a\u0000b', 'spec.drives[0].path'],
    [['spec', 'chanceSeed'], 2 ** 32, 'spec.chanceSeed'],
  ])('names the field and the value: %j', (path, value, words) => {
    expect(() => decodeVmFile('/vms/a/vm.json', changed(path, value))).toThrow(words);
    expect(() => decodeVmFile('/vms/a/vm.json', changed(path, value))).toThrow('/vms/a/vm.json');
  });

  it('is a typed error however deep it is nested', () => {
    for (const field of ['version', 'name', 'services']) {
      const deep = `{"version": 1, "${field}": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
      expect(() => decodeVmFile('vm.json', deep)).toThrow(VmFileFieldError);
    }
  });

  it('of a later version asks for an upgrade, whatever else it says', () => {
    const later = JSON.stringify({ version: 2, machines: [] });
    expect(() => decodeVmFile('vm.json', later)).toThrow(VmFileVersionError);
    expect(() => decodeVmFile('vm.json', later)).toThrow('has version 2, this build reads 1');
  });
});
