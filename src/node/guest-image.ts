import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TemplateRules } from '../guest/warm-start.js';
import { ImageManifestError } from './image-error.js';
import type { KernelFormat } from './kernel-format.js';
import { MEMORY_MIB_MAX, MEMORY_MIB_MIN, templateRulesOf } from './vm-file.js';
import {
  flagField,
  JsonFieldError,
  listField,
  nullable,
  objectField,
  textField,
  wholeField,
} from './json-field.js';

/**
 * A directory with a guest to boot, described by its `image.json`.
 *
 * Shape:  file names are relative to `dir` and stay inside it. A name ending in `.gz` or `.br` is
 *         stored compressed.
 */
export interface GuestImage {
  readonly dir: string;
  readonly name: string;
  readonly description: string;
  readonly kernel: { readonly format: KernelFormat; readonly file: ImageFile };
  readonly commandLine: string;
  readonly disk: ImageFile | null;
  /** Its kernel wants a machine with ACPI, which is the one of v86's that has an APIC. */
  readonly acpi: boolean;
  /** What the guest is meant to run with. */
  readonly memoryMiB: number;
  readonly memoryMiBMin: number;
  /** Words the guest understands on its kernel's command line, as `word=value`. */
  readonly arguments: readonly string[];
  /** What the guest can start, named by `services=` on its command line. */
  readonly services: readonly ImageService[];
  /** A regular expression for what the console shows when the guest waits for a command. */
  readonly prompt: string | null;
  /** What the console shows once the guest is up. */
  readonly ready: string | null;
  /** Null: its guest cannot be copied half-way through its start. */
  readonly template: TemplateRules | null;
}

export interface ImageService {
  readonly name: string;
  /** Where it listens, in the guest. */
  readonly port: number;
  /** What the console shows once it does. */
  readonly ready: string | null;
}

/** One file of an image, as stored and as unpacked. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly uncompressedBytes: number;
  readonly uncompressedSha256: string;
}

/** Reads `dir/image.json`. Rejects with ImageManifestError; ENOENT of the file itself is left as it is. */
export async function readGuestImage(dir: string): Promise<GuestImage> {
  const path = join(dir, 'image.json');
  const text = await readFile(path, 'utf8');
  try {
    return imageOf(dir, JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof JsonFieldError || cause instanceof SyntaxError)) throw cause;
    throw new ImageManifestError(path, { cause });
  }
}

function imageOf(dir: string, value: unknown): GuestImage {
  const fields = objectField('the file', value);
  const boot = objectField('boot', fields.boot);
  const files = objectField('files', fields.files);
  const file = (field: string, named: unknown): ImageFile => fileOf(dir, files, field, named);
  return {
    dir,
    name: textField('name', fields.name, /^[\w.-]+$/),
    description: textField('description', fields.description ?? ''),
    kernel:
      boot.multiboot === undefined
        ? { format: 'bzimage', file: file('boot.bzimage', boot.bzimage) }
        : { format: 'multiboot', file: file('boot.multiboot', boot.multiboot) },
    commandLine: textField('boot.cmdline', boot.cmdline),
    disk: nullable('disk', fields.disk ?? null, file),
    acpi: flagField('acpi', fields.acpi ?? false),
    memoryMiB: memoryOf('memoryMiB', fields.memoryMiB ?? 128),
    memoryMiBMin: memoryOf('memoryMiBMin', fields.memoryMiBMin ?? MEMORY_MIB_MIN),
    arguments: Object.keys(objectField('arguments', fields.arguments ?? {})),
    services: listField('services', fields.services ?? []).map((each, i) =>
      serviceOf(`services[${i}]`, each),
    ),
    prompt: nullable('prompt', fields.prompt ?? null, textField),
    ready: nullable('ready', fields.ready ?? null, textField),
    template: nullable('template', fields.template ?? null, templateRulesOf),
  };
}

function serviceOf(at: string, value: unknown): ImageService {
  const fields = objectField(at, value);
  return {
    name: textField(`${at}.name`, fields.name, /^[\w.-]+$/),
    port: wholeField(`${at}.port`, fields.port, 1, 65535),
    ready: nullable(`${at}.ready`, fields.ready ?? null, textField),
  };
}

function memoryOf(at: string, value: unknown): number {
  return wholeField(at, value, MEMORY_MIB_MIN, MEMORY_MIB_MAX);
}

/** The file of `dir` that a manifest names in `field`, with what its `files` say of it. */
export function fileOf(
  dir: string,
  files: Readonly<Record<string, unknown>>,
  field: string,
  named: unknown,
): ImageFile {
  // A plain name: an image must not reach out of its directory.
  const name = textField(field, named, /^\w[\w.-]*$/);
  const at = (part: string): string => `files["${name}"].${part}`;
  const listed = Object.hasOwn(files, name) ? files[name] : undefined;
  const stored = objectField(`files["${name}"]`, listed);
  const bytes = wholeField(at('bytes'), stored.bytes, 0, Number.MAX_SAFE_INTEGER);
  const sha256 = textField(at('sha256'), stored.sha256, /^[0-9a-f]{64}$/);
  if (!/\.(gz|br)$/.test(name)) {
    return {
      path: join(dir, name),
      bytes,
      sha256,
      uncompressedBytes: bytes,
      uncompressedSha256: sha256,
    };
  }
  return {
    path: join(dir, name),
    bytes,
    sha256,
    uncompressedBytes: wholeField(
      at('uncompressedBytes'),
      stored.uncompressedBytes,
      0,
      Number.MAX_SAFE_INTEGER,
    ),
    uncompressedSha256: textField(
      at('uncompressedSha256'),
      stored.uncompressedSha256,
      /^[0-9a-f]{64}$/,
    ),
  };
}
