declare const unit: unique symbol;
/** A number that knows its unit: a literal fits, another unit does not. */
type Quantity<Unit extends string> = number & { readonly [unit]?: Unit };

/** One call of the vCPU's main loop; the first is 1, so an ack of 0 means "nothing yet". Never reused, not even by a reboot. */
export type Epoch = Quantity<'epoch'>;
/** A period of one live replica with a fixed set of in-sync backups; the first is 1. */
export type Generation = Quantity<'generation'>;
/** Guest instructions since power-on; exact to 2^53, which lasts 2.8 years at 100 million a second. */
export type InstructionCount = Quantity<'instructions'>;
/** Place of a byte in everything the guest ever wrote to its console, from 0. The same on every replica. */
export type ConsoleOffset = Quantity<'console offset'>;
/** Guest time: milliseconds since the machine was first powered on, a fraction allowed, never backwards. */
export type VirtualMs = Quantity<'virtual ms'>;
