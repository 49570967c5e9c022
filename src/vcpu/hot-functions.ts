import { section } from './wasm-encoding.js';
import { compileForSpeed, endCompilingForSpeed, poorlyMadeBytes } from './tier-up.js';

/** When a function is hot. A sample is taken every eight rounds, some 2 ms of a busy guest. */
export interface Hotness {
  readonly samples: number;
  /** What v86 wrote, at least: smaller ones the engine makes with all its art at once. */
  readonly bytes: number;
  /** So many samples v86 has made nothing new: the engine has nothing else to do. */
  readonly quiet: number;
  /** How many samples later, of whatever function, the engine should be done. */
  readonly readyAfter: number;
}

const usual: Hotness = { samples: 40, bytes: poorlyMadeBytes, quiet: 100, readyAfter: 250 };

// More than v86's own data, which is all that a function touches before it asks for the guest's memory.
const scratchPages = 256;
const statesTried = 16;
let scratch: WebAssembly.Memory | null = null;

/** A function that is to run in the place of the one v86 made from `code`. */
export interface MadeAnew {
  readonly code: Uint8Array;
  readonly module: WebAssembly.Module;
}

/**
 * The huge functions in which a guest spends its time, made a second time. Node 20's engine has a quick and poor allocation
 * of registers for functions of more than 8,192 values. The good one takes it 60 to 150 ms for each: too long for all
 * that is compiled, little for the few that run for seconds.
 *
 * Shape:  a function is known by the bytes v86 wrote, as an object: its index may be another's by the time the engine
 *         is done. One is made at a time, beside the guest, and computes what the first one did. Meanwhile the
 *         engine allocates well for all it makes, so they are made when it has nothing else to make.
 */
export class HotFunctions {
  readonly #hotness: Hotness;
  readonly #samples = new WeakMap<Uint8Array, number>();
  #making: (MadeAnew & { readonly readyAt: number }) | null = null;
  #now = 0;
  #quietFrom = 0;

  constructor(hotness = usual) {
    this.#hotness = hotness;
  }

  /** v86 has made a function: more may follow, and be optimized for what the guest does now. */
  newFunction(): void {
    this.#quietFrom = this.#now + this.#hotness.quiet;
  }

  /** The guest is in the function of `code`, which runs `changed`. Answers one that is ready, not always this. */
  sample(code: Uint8Array, changed: (code: Uint8Array) => Uint8Array): MadeAnew | null {
    this.#now += 1;
    const samples = (this.#samples.get(code) ?? 0) + 1;
    this.#samples.set(code, samples);
    if (this.#making) return this.#ready();
    const isHot = samples >= this.#hotness.samples && code.length >= this.#hotness.bytes;
    if (!isHot || this.#now < this.#quietFrom) return null;
    this.#samples.set(code, -Infinity);
    const module = compileForSpeed(another(changed(code)));
    callOnce(module);
    this.#making = { code, module, readyAt: this.#now + this.#hotness.readyAfter };
    return null;
  }

  #ready(): MadeAnew | null {
    const made = this.#making;
    if (!made || this.#now < made.readyAt) return null;
    this.#making = null;
    endCompilingForSpeed();
    return made;
  }
}

/** The engine has one module for equal bytes: these differ by a section that says nothing. */
function another(module: Uint8Array): Uint8Array {
  return Buffer.concat([module, section(0, [0])]);
}

/** The engine optimizes what is called; here nothing is the guest's, and all memory it could ask for is refused. */
function callOnce(module: WebAssembly.Module): void {
  const memory = (scratch ??= new WebAssembly.Memory({ initial: scratchPages }));
  const e = new Proxy({}, { get: (_target, key) => (key === 'm' ? memory : () => 1) });
  const { f } = new WebAssembly.Instance(module, { e }).exports;
  for (let state = 0; state < statesTried; state++) {
    try {
      (f as (state: number) => void)(state);
      return;
    } catch {
      // This one begins with a call that is not answered like that.
    }
  }
}
