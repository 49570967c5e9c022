import type { Command } from 'commander';
import { Option } from 'commander';
import type { VmOptions } from '../node/vm-options.js';
import { nameList, wholeNumber } from './option-parsers.js';

export const defaultVmDir = 'ftvm-vm';

/** The options that say what machine a new VM is; they are stored when it is created. */
export function addVmOptions(command: Command): Command {
  return command
    .option('--image <name|dir>', 'guest image to create the VM from (default: linux)')
    .option('--kernel <file>', 'boot this kernel: a bzImage or a multiboot ELF')
    .option('--initrd <file>', 'initial RAM disk for --kernel')
    .option('--append <string>', 'added to the kernel command line')
    .option('--disk <file>', 'raw disk image to use as hda, in place')
    .option('--cdrom <file>', 'ISO image to use as CD-ROM')
    .option('--service <list>', 'services of the image to start: redis,httpd,sshd', nameList)
    .option('--memory <mib>', 'guest memory in MiB (default: 128)', wholeNumber(1, 1_000_000))
    .addOption(
      new Option('--nic <model>', 'network card (default: virtio)').choices([
        'virtio',
        'ne2k',
        'none',
      ]),
    )
    .option('--acpi', 'give the machine ACPI (stock kernels power off with it)')
    .option('--no-jit', 'interpret the guest only: the slow reference');
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
  readonly memory?: number;
  readonly nic?: 'virtio' | 'ne2k' | 'none';
  readonly acpi?: boolean;
  readonly jit: boolean;
}

export function vmOptionsOf(parsed: VmArguments): VmOptions {
  const { image, kernel, initrd, append, disk, cdrom, service, memory, nic, acpi, jit } = parsed;
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
    acpi,
    ...(jit ? {} : { jit }),
  };
}
