/**
 * The parts of v86 that we reach for below its public API, by the names its release build keeps.
 *
 * Shape:  what v86 0.5.462 has; the package is pinned exactly, and the tests run on a real guest.
 */
export interface V86Emulator {
  readonly v86: {
    readonly cpu: V86Cpu;
    save_state(): ArrayBuffer;
    restore_state(state: ArrayBuffer): void;
  };
  readonly bus: { send(name: string, value: unknown): void };
  add_listener(name: string, listener: (value: never) => void): void;
}

export interface V86Cpu {
  readonly devices: V86Devices;
  readonly wasm_memory: V86LinearMemory;
  readonly jit_imports: WebAssembly.ModuleImports;
  readonly memory_size: ArrayLike<number>;
  readonly mem8: { readonly byteOffset: number; readonly length: number };
  readonly io: V86Io;
  /** Views of linear memory; restoring replaces these by plain arrays (see leftovers.ts). */
  last_result: V86View;
  fpu_status_word: V86View;
  mxcsr: V86View;
  fw_pointer: number;
  main_loop(): number;
  get_eflags(): number;
  device_raise_irq(irq: number): void;
  codegen_finalize_finished(index: number, start: number, flags: number): void;
  store_current_tsc(): void;
  get_state(): unknown[];
  set_state(state: unknown[]): void;
  reboot_internal(): void;
  run_hardware_timers(acpi: number, nowMs: number): number;
  pack_memory(): unknown;
  unpack_memory(): void;
}

/** A `WebAssembly.Memory`, whose pages are 64 KiB. */
export interface V86LinearMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** A typed array behind a proxy that survives the growth of linear memory. Slow. */
export interface V86View {
  [index: number]: number;
}

export interface V86Io {
  port_read8(port: number): number;
  port_write8(port: number, value: number): void;
}

export interface V86Devices {
  readonly ide: {
    readonly primary?: V86IdeChannel;
    readonly secondary?: V86IdeChannel;
  };
  readonly pci: { readonly device_spaces: readonly (Int32Array | undefined)[] };
  readonly uart0: { input: number[] };
  readonly vga: V86Vga;
  readonly ps2: V86Ps2;
  readonly acpi?: V86Acpi;
  readonly net?: { readonly mac: Uint8Array; readonly memory: Uint8Array };
  readonly sb16?: {
    readonly read_buffer: V86ByteQueue;
    readonly write_buffer: V86ByteQueue;
    readonly mpu_read_buffer: V86ByteQueue;
  };
  readonly virtio_net?: { readonly mac: Uint8Array };
}

export interface V86IdeChannel {
  readonly master: V86IdeInterface;
  readonly slave: V86IdeInterface;
  dma_status: number;
}

export interface V86IdeInterface {
  readonly channel: V86IdeChannel;
  readonly in_progress_io_ids: Map<number, unknown>;
  readonly cancelled_io_ids: Set<number>;
  readonly last_io_id: number;
  current_command: number;
  status_reg: number;
  error_reg: number;
  push_irq(): void;
  cancel_io_operations(): void;
  ata_command(code: number): void;
  atapi_check_condition_response(senseKey: number, additionalSense: number): void;
}

export interface V86Ps2 {
  readonly kbd_buffer: V86ByteQueue;
  readonly mouse_buffer: V86ByteQueue;
}

export interface V86ByteQueue {
  readonly length: number;
  clear(): void;
  push(byte: number): void;
  shift(): number;
}

/** In text mode memory is pairs of a character and its attribute; addresses count pairs. */
export interface V86Vga {
  readonly graphical_mode: boolean;
  readonly max_cols: number;
  readonly max_rows: number;
  readonly start_address: number;
  /** Half of a row's pairs. */
  readonly offset_register: number;
  readonly cursor_address: number;
  readonly cursor_scanline_start: number;
  readonly vga_memory: Uint8Array;
  get_state(): unknown[];
}

export interface V86Acpi {
  status: number;
  pm1_status: number;
  readonly pm1_enable: number;
}

/** What v86's WebAssembly asks of its host, as far as we replace it. */
export interface V86Imports {
  microtick: () => number;
  get_rand_int: () => number;
  run_hardware_timers: (acpi: number, nowMs: number) => number;
  codegen_finalize: (
    index: number,
    start: number,
    flags: number,
    pointer: number,
    length: number,
  ) => void;
  stop_idling: () => void;
  jit_clear_func: (index: number) => void;
  jit_clear_all_funcs: () => void;
  readonly __indirect_function_table: WebAssembly.Table;
}

/** What v86's WebAssembly offers, as far as we call it directly. */
export interface V86Exports {
  set_jit_config(setting: number, value: number): void;
}

/** Byte offsets in v86's WebAssembly memory, from its CPU constructor. */
export const wasmOffsets = {
  registers: 64,
  instructionPointer: 556,
  halted: 616,
  instructionCounter: 664,
  /** The processor's state lies below this: registers, flags, segments, FPU, SSE. */
  processorEnd: 1280,
  /** v86 has nothing from there to its data at 4096; we note the instruction counter at which a round began. */
  roundStart: 1280,
} as const;

/** Where v86 0.5.462 keeps what it has compiled (cpu.rs: `tlb_code`, `Code`). */
export const jitLayout = {
  /** The mode of the processor that code was compiled for, as one byte. */
  stateFlags: 108,
  /** A pointer for each of 2^20 pages of the guest's address space: to its code, or 0. */
  codeOfPages: 49_180,
  /** The code of a page: a state of its function for each address, or `noState`. */
  code: { states: 0, index: 8192, stateFlags: 8194, noState: 0xffff },
  /** WASM_TABLE_OFFSET: the place of function 0 in the table. */
  functionsStart: 1024,
} as const;
