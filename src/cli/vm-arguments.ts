import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { reasonOf } from '../node/errno.js';
import { MEMORY_MIB_MAX, MEMORY_MIB_MIN, type DiskMode } from '../node/vm-file.js';
import type { VmOptions } from '../node/vm-options.js';
import { httpUrl, nameList, wholeNumber } from './option-parsers.js';
import { UsageError } from './usage-error.js';

export const defaultVmDir = 'ftvm-vm';

/** The options that say what machine a new VM is; they are stored when it is created. */
export function addVmOptions(command: Command): Command {
  return command
    .option('--image <name|dir>', 'guest image of a new VM (default: linux)')
    .option('--kernel <file>', 'boot your own: a bzImage or a multiboot kernel')
    .option('--initrd <file>', 'initial RAM disk for --kernel')
    .option('--append <string>', 'added to the kernel command line')
    .option('--disk <file>', 'raw disk image, used in place; see below')
    .option('--cdrom <file>', 'ISO image; see below')
    .option('--service <list>', 'of the image: redis,httpd,sshd', nameList)
    .option(
      '--ssh-key <file>',
      'public key that may log in as root of the image, with --service sshd',
    )
    .option(
      '--memory <mib>',
      'guest memory in MiB (default: 128)',
      wholeNumber(MEMORY_MIB_MIN, MEMORY_MIB_MAX),
    )
    .addOption(
      new Option('--disk-mode <mode>', 'one for all (default), or copies').choices([
        'shared',
        'replicated',
      ]),
    )
    .option('--backup-reads', 'with a shared disk: backups read it too, and the log is shorter')
    .option('--arbiter <url>', 'who is live is decided there: http://… of ftvm arbiter', httpUrl)
    .addOption(new Option('--nic <model>', '(default: virtio)').choices(['virtio', 'ne2k', 'none']))
    .addOption(
      new Option('--console <which>', 'where one sits (default: serial)').choices([
        'serial',
        'screen',
      ]),
    )
    .option('--acpi', 'for stock kernels, which power off with it and sleep longer')
    .option('--no-jit', 'interpret the guest: slow, the reference');
}

/** What commander parsed of them. */
export interface VmArguments {
  readonly image?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly disk?: string;
  readonly cdrom?: string;
  readonly service?: string[];
  readonly sshKey?: string;
  readonly memory?: number;
  readonly nic?: 'virtio' | 'ne2k' | 'none';
  readonly console?: 'serial' | 'screen';
  readonly acpi?: boolean;
  readonly jit: boolean;
  readonly diskMode?: 'shared' | 'replicated';
  readonly backupReads?: true;
  readonly arbiter?: string;
}

export function vmOptionsOf(parsed: VmArguments): VmOptions {
  const { image, kernel, initrd, disk, cdrom, service, memory, nic, acpi, jit, console } = parsed;
  const append = appended(parsed);
  return {
    image,
    kernel,
    initrd,
    append,
    disk,
    cdrom,
    services: service,
    memoryMiB: memory,
    nic,
    console,
    acpi,
    disks: disksOf(parsed),
    arbiter: parsed.arbiter,
    ...(jit ? {} : { jit }),
  };
}

function disksOf({ diskMode, backupReads }: VmArguments): DiskMode | undefined {
  if (!backupReads) return diskMode;
  if (diskMode !== 'replicated') return 'backupReads';
  throw new UsageError(
    '--backup-reads is for a disk that the replicas share',
    'Leave it out: with --disk-mode replicated every replica reads its own copy.',
  );
}

/** The image takes the key on its kernel's command line, which has no room for spaces. */
function appended({ append, sshKey }: VmArguments): string | undefined {
  if (sshKey === undefined) return append;
  const argument = `sshkey=${Buffer.from(publicKeyOf(sshKey)).toString('base64url')}`;
  return append === undefined ? argument : `${append} ${argument}`;
}

function publicKeyOf(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new UsageError(
      `Cannot read the public key ${file}: ${reasonOf(cause)}`,
      'Name a public key file, for example ~/.ssh/id_ed25519.pub.',
      { cause },
    );
  }
  if (!/^(ssh|ecdsa)-[\w-]+ [A-Za-z0-9+/=]+( .*)?$/.test(text)) {
    throw new UsageError(
      `${file} is not a public SSH key in one line`,
      'Name the .pub file of a key pair, not the private key.',
    );
  }
  return text;
}
