import { setFlagsFromString } from 'node:v8';

// V8 counts the bytes of code a function runs through, loops by their length; with the budget spent
// the function goes to the optimizing compiler. v86's functions are small and stay: V8's own choice
// for them (1.8 million at first, 13 million later). A page of guest code is one function with all
// its jumps in one loop of tens of kilobytes: that budget is gone in a few hundred jumps, and every
// page would be optimized, which takes 20 ms of another core that a replica may not have.
const emulatorBudget = 1_800_000;
const guestBudget = 500_000_000;
// An engine without a flag would complain on stderr.
const newestNodeMajor = 24;
const nodeMajor = Number.parseInt(process.versions.node, 10);
const quickAllocation = 'turbo-use-mid-tier-regalloc-for-huge-functions';
// Node 22 has an engine without it.
const hasQuickAllocation = nodeMajor < 22;

/** From that many of v86's bytes on the engine allocates registers quickly and poorly. */
export const poorlyMadeBytes = hasQuickAllocation ? 40_000 : Infinity;

/**
 * Makes v86's module so that its functions are optimized soon, and those of the guest compiled from
 * here on late. When code is optimized changes nothing of what it computes, so replicas may differ.
 */
export function compileEmulator(wasm: Uint8Array): WebAssembly.Module {
  setFlag(`--wasm-tiering-budget=${emulatorBudget}`);
  // All of it now, on every core, and not function by function while a guest waits for each.
  setFlag('--no-wasm-lazy-compilation');
  const module = new WebAssembly.Module(wasm);
  setFlag('--wasm-lazy-compilation');
  setFlag(`--wasm-tiering-budget=${guestBudget}`);
  // What `BranchHints` says of the guest's functions.
  setFlag('--experimental-wasm-branch-hinting');
  return module;
}

/** A module that the engine optimizes when it is first called, with all its art, beside its other work. */
export function compileForSpeed(wasm: Uint8Array): WebAssembly.Module {
  if (hasQuickAllocation) setFlag(`--no-${quickAllocation}`);
  setFlag('--wasm-tiering-budget=1');
  const module = new WebAssembly.Module(Uint8Array.from(wasm));
  setFlag(`--wasm-tiering-budget=${guestBudget}`);
  return module;
}

export function endCompilingForSpeed(): void {
  if (hasQuickAllocation) setFlag(`--${quickAllocation}`);
}

function setFlag(flag: string): void {
  if (nodeMajor > newestNodeMajor) return;
  setFlagsFromString(flag);
}
