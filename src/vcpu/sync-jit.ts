import { assert } from '../assert.js';
import { FunctionTable } from './function-table.js';
import {
  jitLayout,
  wasmOffsets,
  type V86Cpu,
  type V86Exports,
  type V86Imports,
} from './v86-internals.js';

// Settings of v86's compiler by their numbers in `set_jit_config`. How many pages of guest code go
// into one function (MAX_PAGES; v86's own choice is 3), and up to how many basic blocks are doubled to
// give a loop one entry (MAX_EXTRA_BASIC_BLOCKS; 250): with either the guest is no faster, and the
// engine works up to half longer on what comes out. Part of LOG_VERSION: replicas compile alike.
const settings = { pagesPerFunction: [1, 1], extraBasicBlocks: [3, 100] } as const;

// A sample is cheap, and a hundred a second would do.
const roundsPerSample = 8;

/**
 * v86's just-in-time compiler without its race: v86 installs a function whenever the engine is done
 * compiling, a moment every host sees differently. Here a function is compiled at once and installed
 * when the round of the main loop has ended, which is the same moment on every replica.
 *
 * Shape:  v86 compiles one function at a time and waits for its installation, so one slot suffices.
 */
export class SyncJit {
  readonly table = new FunctionTable();
  #cpu: V86Cpu | null = null;
  #rounds = 0;
  #compiled: {
    index: number;
    start: number;
    flags: number;
    code: Uint8Array;
    run: unknown;
  } | null = null;

  takeOver(imports: V86Imports): void {
    this.table.takeOver(imports);
    imports.codegen_finalize = (index, start, flags, pointer, length) => {
      assert(this.#cpu && !this.#compiled, 'v86 compiled a function before the last was installed');
      const { buffer } = this.#cpu.wasm_memory;
      const code = new Uint8Array(buffer, pointer >>> 0, length >>> 0).slice();
      this.#compiled = { index, start, flags, code, run: this.table.compile(code) };
    };
  }

  configure(exports: V86Exports): void {
    for (const [setting, value] of Object.values(settings)) exports.set_jit_config(setting, value);
  }

  attach(cpu: V86Cpu): void {
    this.#cpu = cpu;
    this.table.attach(cpu.jit_imports);
  }

  /** Installs what was compiled during the last round. v86 holds a lock while its main loop runs. */
  install(): void {
    if (this.#rounds++ % roundsPerSample === 0) this.#sample();
    if (!this.#compiled) return;
    const { index, start, flags, code, run } = this.#compiled;
    this.#compiled = null;
    this.table.set({ index, code }, run);
    this.#cpu?.codegen_finalize_finished(index, start, flags);
  }

  /** Says which function the guest is in. */
  #sample(): void {
    if (!this.#cpu) return;
    const view = new DataView(this.#cpu.wasm_memory.buffer);
    const { codeOfPages, code } = jitLayout;
    const page = view.getUint32(wasmOffsets.instructionPointer, true) >>> 12;
    const found = view.getUint32(codeOfPages + 4 * page, true);
    if (found !== 0) this.table.sample(view.getUint16(found + code.index, true));
  }
}
