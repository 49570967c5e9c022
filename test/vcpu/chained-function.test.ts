import { expect, it } from 'vitest';
import { chained, enterImport } from '../../src/vcpu/chained-function.js';
import { enterFrom } from '../../src/vcpu/guest-jump.js';
import { jitLayout, wasmOffsets } from '../../src/vcpu/v86-internals.js';
import { constant, wasm } from '../../src/vcpu/wasm-encoding.js';
import { functionOf, lookupName } from './written-function.js';

const pageBytes = 4096;
const mode = 13;
const roundInstructions = 100_003;

const log = [wasm.call, 0];
const logItsState = functionOf([wasm.localGet, 0, ...log]);
const lookUp = (address: number, index: number): Uint8Array =>
  functionOf([...constant(address), ...constant(index), ...constant(mode), wasm.call, 1, ...log]);

/** v86's memory and table, with functions that log, and pages of guest code that belong to them. */
class Machine {
  readonly logged: number[] = [];
  /** What happens at the next call of `log`. */
  readonly meanwhile: (() => void)[] = [];
  readonly #memory = new WebAssembly.Memory({ initial: 80 });
  readonly #table = new WebAssembly.Table({
    element: 'anyfunc',
    initial: jitLayout.functionsStart + 900,
  });
  readonly #view = new DataView(this.#memory.buffer);
  #free = 0x48_0000;

  constructor() {
    this.#view.setUint8(jitLayout.stateFlags, mode);
    this.roundBeganAt(0xffff_fff0);
    this.counter = 0xffff_fff0;
  }

  set address(address: number) {
    this.#view.setUint32(wasmOffsets.instructionPointer, address, true);
  }
  set counter(instructions: number) {
    this.#view.setUint32(wasmOffsets.instructionCounter, instructions, true);
  }
  set isHalted(isHalted: boolean) {
    this.#view.setUint8(wasmOffsets.halted, Number(isHalted));
  }
  roundBeganAt(instructions: number): void {
    this.#view.setUint32(wasmOffsets.roundStart, instructions, true);
  }

  install(index: number, module: Uint8Array): (state: number) => void {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(chained(module)), {
      e: {
        m: this.#memory,
        log: (value: number) => {
          this.logged.push(value);
          if (this.logged.length > 50_000) throw new Error('it does not return');
          this.meanwhile.shift()?.();
        },
        [lookupName]: () => expect.unreachable('v86 was asked'),
        [enterImport]: enterFrom(this.#table),
      },
    });
    const { f } = instance.exports;
    this.#table.set(jitLayout.functionsStart + index, f);
    return f as (state: number) => void;
  }

  /** Code at `address` that `index` was compiled from, beginning there in `state`. */
  compiled(address: number, index: number, state: number, flags = mode): void {
    const { code, codeOfPages } = jitLayout;
    const found = this.#free;
    this.#free += 3 * pageBytes;
    this.#view.setUint32(codeOfPages + 4 * (address >>> 12), found, true);
    this.#view.setUint16(found + code.index, index, true);
    this.#view.setUint8(found + code.stateFlags, flags);
    for (let at = 0; at < pageBytes; at++) {
      this.#view.setUint16(found + code.states + 2 * at, code.noState, true);
    }
    this.#view.setUint16(found + code.states + 2 * (address % pageBytes), state, true);
  }
}

it('goes on to the function of the next address, in its state, until nothing is compiled', () => {
  const machine = new Machine();
  const run = machine.install(7, logItsState);
  machine.install(899, logItsState);
  machine.compiled(0xffff_ffff, 899, 0xfffe);
  machine.compiled(0x8004_9123, 7, 5);
  machine.address = 0xffff_ffff;
  machine.meanwhile.push(
    () => undefined,
    () => (machine.address = 0x8004_9123),
    () => (machine.address = 0x8004_9124),
  );
  run(0);
  expect(machine.logged).toEqual([0, 0xfffe, 5]);
});

it('needs no stack for it', () => {
  const machine = new Machine();
  const run = machine.install(0, logItsState);
  machine.compiled(0x1000, 0, 1);
  machine.address = 0x1000;
  const turns = 30_000;
  machine.meanwhile.push(...Array<() => void>(turns).fill(() => undefined));
  machine.meanwhile.push(() => (machine.isHalted = true));
  run(0);
  expect(machine.logged).toHaveLength(turns + 1);
});

it.each<[string, (machine: Machine) => void]>([
  ['the round is over', (machine) => (machine.counter = 0xffff_fff0 + roundInstructions)],
  ['the processor is halted', (machine) => (machine.isHalted = true)],
  ['the page has no code', (machine) => (machine.address = 0x3000)],
  ['no function begins at the address', (machine) => (machine.address = 0x1001)],
  ['the code is of another mode', (machine) => machine.compiled(0x1000, 0, 1, mode - 1)],
])('returns to the main loop where %s', (_why, change) => {
  const machine = new Machine();
  const run = machine.install(0, logItsState);
  machine.compiled(0x1000, 0, 1);
  machine.address = 0x1000;
  machine.meanwhile.push(
    () => undefined,
    () => change(machine),
  );
  run(0);
  expect(machine.logged).toEqual([0, 1]);
});

it('goes on in the last instruction of a round, across the wrap of the counter', () => {
  const machine = new Machine();
  const run = machine.install(0, logItsState);
  machine.compiled(0x1000, 0, 1);
  machine.address = 0x1000;
  machine.counter = (0xffff_fff0 + roundInstructions - 1) % 2 ** 32;
  machine.meanwhile.push(
    () => undefined,
    () => (machine.counter = (0xffff_fff0 + roundInstructions) % 2 ** 32),
  );
  run(0);
  expect(machine.logged).toEqual([0, 1]);
});

it.each([
  ['the state of an address of its own', 0x1234, 3, 9],
  ['no state where none begins', 0x1235, 3, -1],
  ['no state in the page of another function', 0x1234, 4, -1],
  ['no state in a page without code', 0x2234, 3, -1],
])('looks up an indirect jump by itself: %s', (_what, address, index, state) => {
  const machine = new Machine();
  const run = machine.install(3, lookUp(address, index));
  machine.compiled(0x1234, 3, 9);
  machine.address = 0x5000;
  run(0);
  expect(machine.logged).toEqual([state]);
});

it('refuses a module that is not of the form v86 writes', () => {
  const two = Buffer.concat([logItsState.subarray(0, -1), Uint8Array.of(0xfc, wasm.end)]);
  expect(() => chained(two)).toThrow('bug: ');
  const unknown = functionOf([0xfc, 0, ...constant(0), ...constant(0), wasm.call, 1, ...log]);
  expect(() => chained(unknown)).toThrow('bug: WebAssembly of v86 has an opcode 252');
});
