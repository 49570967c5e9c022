import { expect, it } from 'vitest';
import { FunctionTable } from '../../src/vcpu/function-table.js';
import { HotFunctions } from '../../src/vcpu/hot-functions.js';
import { jitLayout, type V86Imports } from '../../src/vcpu/v86-internals.js';
import { constant, wasm } from '../../src/vcpu/wasm-encoding.js';
import { functionOf, lookupName } from './written-function.js';

const hotness = { samples: 3, bytes: 100, quiet: 0, readyAfter: 2 };
const log = 0;
const logs = (value: number): Uint8Array => functionOf([...constant(value), wasm.call, log]);
const unchanged = (code: Uint8Array): Uint8Array => code;

it('makes a function anew that is sampled often, once', () => {
  const hot = new HotFunctions(hotness);
  const code = logs(1);
  const answers = Array.from({ length: 12 }, () => hot.sample(code, unchanged)?.code ?? null);
  expect(answers).toEqual([null, null, null, null, code, ...Array<null>(7).fill(null)]);
});

it('leaves alone what the engine makes well at once, and what is seldom run', () => {
  const small = new HotFunctions({ ...hotness, bytes: 100_000 });
  const seldom = new HotFunctions(hotness);
  const code = logs(1);
  for (let i = 0; i < 20; i++) {
    expect(small.sample(code, unchanged)).toBeNull();
    expect(seldom.sample(logs(i), unchanged)).toBeNull();
  }
});

it('waits until nothing new is made', () => {
  const hot = new HotFunctions({ ...hotness, quiet: 4 });
  const code = logs(1);
  const answers: unknown[] = [];
  for (let i = 0; i < 10; i++) {
    if (i < 3) hot.newFunction();
    answers.push(hot.sample(code, unchanged)?.code);
  }
  expect(answers.indexOf(code)).toBe(7);
});

it('makes one at a time, and hands it out while another runs', () => {
  const hot = new HotFunctions(hotness);
  const [one, other] = [logs(1), logs(2)];
  const sample = (code: Uint8Array): unknown => hot.sample(code, unchanged)?.code;
  for (const code of [other, other, one, one, one]) expect(sample(code)).toBeUndefined();
  expect(sample(other)).toBeUndefined();
  expect(sample(other)).toBe(one);
  expect(sample(other)).toBeUndefined();
  expect(sample(one)).toBeUndefined();
  expect(sample(one)).toBe(other);
});

/** A table as v86 has it, with one function at `index`. */
class Table {
  readonly logged: number[] = [];
  readonly functions = new FunctionTable(new HotFunctions(hotness));
  readonly #table = new WebAssembly.Table({
    element: 'anyfunc',
    initial: jitLayout.functionsStart + 900,
  });
  readonly #imports = {
    __indirect_function_table: this.#table,
    jit_clear_func: () => undefined,
    jit_clear_all_funcs: () => undefined,
  } as unknown as V86Imports;

  constructor() {
    this.functions.takeOver(this.#imports);
    this.functions.attach({
      m: new WebAssembly.Memory({ initial: 80 }),
      log: (value: number) => this.logged.push(value),
      [lookupName]: () => -1,
    });
  }

  put(index: number, code: Uint8Array): void {
    this.functions.set({ index, code }, this.functions.compile(code));
  }
  clear(index: number): void {
    this.#imports.jit_clear_func(index);
  }
  at(index: number): unknown {
    return this.#table.get(jitLayout.functionsStart + index);
  }
}

it('comes to the place of the first one and does what that did', () => {
  const table = new Table();
  table.put(7, logs(41));
  const first = table.at(7);
  for (let i = 0; i < 4; i++) table.functions.sample(7);
  expect(table.at(7)).toBe(first);
  table.functions.sample(7);
  expect(table.at(7)).not.toBe(first);
  expect(table.logged).toEqual([]);
  (table.at(7) as (state: number) => void)(0);
  expect(table.logged).toEqual([41]);
});

it('does not come where another function is by then', () => {
  const table = new Table();
  table.put(7, logs(1));
  for (let i = 0; i < 3; i++) table.functions.sample(7);
  table.clear(7);
  table.put(7, logs(2));
  const second = table.at(7);
  for (let i = 0; i < 2; i++) table.functions.sample(7);
  expect(table.at(7)).toBe(second);
});
