import { ataCommands, failAtaCommand } from './ata-error.js';
import type { V86IdeInterface } from './v86-internals.js';

/** Waits until the drive's writes have ended; answers at once if there are none. */
export type WritesEnded = (ide: V86IdeInterface, then: (allWritten: boolean) => void) => boolean;

// ATA8-ACS 6.2: busy; ready and seek complete.
const busy = 0x80;
const idle = 0x50;

const listeners = new WeakMap<V86IdeInterface, WritesEnded>();
const watched = new WeakSet<object>();

/**
 * Makes FLUSH CACHE mean what ATA8-ACS 7.10 says. A write that the guest was told has ended is durable
 * already, but v86 tells it of a PIO write as soon as it has the data: a flush waits for those, and
 * fails if one of them does. v86 seals the drive's object and so leaves only its class to listen at.
 */
export function onFlushCache(ide: V86IdeInterface, writesEnded: WritesEnded): void {
  listeners.set(ide, writesEnded);
  const shared = Object.getPrototypeOf(ide) as Pick<V86IdeInterface, 'ata_command'>;
  if (watched.has(shared)) return;
  watched.add(shared);
  const command = shared.ata_command;
  shared.ata_command = function (this: V86IdeInterface, code: number) {
    const isFlush = ataCommands.flush.has(code);
    const waits =
      isFlush &&
      listeners.get(this)?.(this, (allWritten) => {
        if (!allWritten) return failAtaCommand(this, code, 'write');
        this.status_reg = idle;
        this.current_command = -1;
        this.push_irq();
      });
    if (!waits) return command.call(this, code);
    this.current_command = code;
    this.error_reg = 0;
    this.status_reg = busy;
  };
}
