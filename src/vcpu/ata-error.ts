import type { V86IdeInterface } from './v86-internals.js';

/** ATA command codes, as ATA8-ACS names them. */
export const ataCommands = {
  readDma: new Set([0xc8, 0x25]),
  writeDma: new Set([0xca, 0x35]),
  flush: new Set([0xe7, 0xea]),
  packet: 0xa0,
} as const;

// ATA8-ACS 6.2 (status) and 6.3 (error).
const ready = 0x40;
const seekComplete = 0x10;
const error = 0x01;
const uncorrectable = 0x40;
const aborted = 0x04;
// PCI bus master IDE 1.0: active, error.
const dmaActive = 0x01;
const dmaError = 0x02;
// SPC-4: medium error, unrecovered read error.
const mediumError = 3;
const unrecoveredRead = 0x11;

/**
 * Ends a drive's command the way a drive with a bad sector does: the error bit in its status, the
 * cause in its error register, the address of the first sector still in place, one interrupt.
 * v86 has no such path of its own: its disks cannot fail.
 */
export function failAtaCommand(
  ide: V86IdeInterface,
  command: number,
  direction: 'read' | 'write',
): void {
  const isDma = ataCommands.readDma.has(command) || ataCommands.writeDma.has(command);
  ide.channel.dma_status &= ~dmaActive;
  if (command === ataCommands.packet) {
    ide.atapi_check_condition_response(mediumError, unrecoveredRead);
  } else {
    if (isDma) ide.channel.dma_status |= dmaError;
    ide.status_reg = ready | seekComplete | error;
    ide.error_reg = direction === 'read' ? uncorrectable : aborted;
    ide.current_command = -1;
  }
  ide.push_irq();
}
