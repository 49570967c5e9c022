import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { DriveName } from '../guest/disk-request.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Display } from '../guest/text-screen.js';
import type { BootFiles } from './boot-files.js';
import type { Chance } from './chance.js';
import { CutBuffer } from './cut-buffer.js';
import { displayOf } from './display.js';
import { GuestDrive } from './guest-drive.js';
import type { DiskRequests } from './disk-requests.js';
import { withLowerJitThreshold } from './jit-threshold.js';
import { carryLeftovers } from './leftovers.js';
import { prepareSave, restoreState, saveState } from './machine-state.js';
import { SyncJit } from './sync-jit.js';
import { compileEmulator } from './tier-up.js';
import type { V86Cpu, V86Emulator, V86Exports, V86Imports } from './v86-internals.js';
import { wasmOffsets } from './v86-internals.js';
import type { VirtualTime } from './virtual-time.js';

// PM1a control (ACPI 4.8.3.2.1): bit 13 starts the sleep whose type is in bits 10 to 12.
const acpiSleepEnable = 1 << 13;
const acpiSleepMask = acpiSleepEnable | (7 << 10);

// PM1 status and enable (ACPI 4.8.3.1): the power button.
const acpiPowerButton = 1 << 8;
// ACPI's interrupt in v86's tables.
const acpiIrq = 9;

// v86's PCI address of the IDE controller, and the first base address register in its space.
const ideController = 0xf0;
const firstBarWord = 4;

/** What a machine is made of and connected to; the same for all machines of a vCPU. */
export interface MachineParts {
  readonly spec: MachineSpec;
  readonly files: BootFiles;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly requests: DiskRequests;
  readonly consoleByte: (byte: number) => void;
  readonly frameSent: (frame: Uint8Array) => void;
}

/** v86, loaded once per thread, and its WebAssembly, compiled once per process. */
export interface V86Engine {
  readonly V86: new (options: Record<string, unknown>) => V86Emulator;
  readonly module: WebAssembly.Module;
}

/** `compiled` is what another thread has. Guest globals must be in place before. */
export async function loadV86(compiled: WebAssembly.Module | null = null): Promise<V86Engine> {
  const { V86 } = (await import('v86')) as unknown as Pick<V86Engine, 'V86'>;
  if (compiled) return { V86, module: compiled };
  const library = createRequire(import.meta.url).resolve('v86');
  const bytes = readFileSync(library.replace(/libv86\.mjs$/, 'v86.wasm'));
  return { V86, module: compileEmulator(withLowerJitThreshold(bytes)) };
}

/**
 * One v86, from power-on (or a restored state) to its end: this is the only file that knows v86's
 * entry points. Every source of nondeterminism is taken over here: time, chance, compiled code
 * arriving, device callbacks.
 *
 * Shape:  built with guest time frozen at 0, always: v86 keeps a trace of the time it was built at
 *         (in the TSC's interpolation), and a spare machine may be built ahead of its use.
 * Errors: whatever v86 throws passes through; epochs.ts tells a guest's crash from a bug of ours.
 * Source: FT paper §2.1: capture every input and all nondeterminism.
 */
export class V86Machine {
  readonly cpu: V86Cpu;
  /** A guest reset was asked for; the CPU stands still until the epoch ends. */
  resetRequested = false;
  /** The guest executed HLT with interrupts off: nothing can wake it. */
  haltedForGood = false;

  readonly #emulator: V86Emulator;
  readonly #time: VirtualTime;
  readonly #jit: SyncJit;
  readonly #spec: MachineSpec;
  readonly #cutBuffer = new CutBuffer();
  #words: Int32Array;
  #memory: Int32Array;

  private constructor(parts: MachineParts, emulator: V86Emulator, jit: SyncJit) {
    this.#emulator = emulator;
    this.#spec = parts.spec;
    this.#time = parts.time;
    this.#jit = jit;
    this.cpu = emulator.v86.cpu;
    this.#words = new Int32Array(0);
    this.#memory = new Int32Array(0);
    this.#refreshViews();
  }

  static async build(engine: V86Engine, parts: MachineParts): Promise<V86Machine> {
    const { spec, time, chance } = parts;
    time.freeze(0);
    const chanceState = chance.state;
    const drives = spec.drives.map(
      ({ name, bytes }) => [name, new GuestDrive(name, bytes, parts.requests)] as const,
    );
    const jit = new SyncJit();
    const emulator = new engine.V86({
      ...v86Options(spec, parts.files, Object.fromEntries(drives)),
      wasm_fn: ({ env }: { env: V86Imports }) => {
        const runTimers = env.run_hardware_timers;
        env.microtick = () => time.loopTick();
        // v86 hands in what microtick answered, which is not the time at the start of an epoch.
        env.run_hardware_timers = (acpi) => {
          const dueMs = runTimers(acpi, time.nowMs());
          // v86 knows no other cause for this interrupt than its timer, and has just taken it back.
          if (isButtonWaiting(emulator.v86.cpu)) emulator.v86.cpu.device_raise_irq(acpiIrq);
          return dueMs;
        };
        env.get_rand_int = () => chance.nextInt();
        env.stop_idling = () => undefined;
        jit.takeOver(env);
        const instance = new WebAssembly.Instance(engine.module, { env });
        jit.configure(instance.exports as unknown as V86Exports);
        return Promise.resolve(instance.exports);
      },
    });
    await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', resolve));
    jit.attach(emulator.v86.cpu);
    const machine = new V86Machine(parts, emulator, jit);
    machine.#connect(parts);
    for (const [name, drive] of drives) drive.attach(machine.#ideInterface(name));
    // v86 draws a MAC, which `#connect` has replaced; the guest saw none of that.
    chance.state = chanceState;
    return machine;
  }

  /** Little-endian words of v86's processor state. Valid until WebAssembly code runs again. */
  get processorWords(): Int32Array {
    this.#refreshViews();
    return this.#words;
  }

  /** Guest memory as words. Valid until WebAssembly code runs again. */
  get memoryWords(): Int32Array {
    this.#refreshViews();
    return this.#memory;
  }

  get isHalted(): boolean {
    return new Uint8Array(this.cpu.wasm_memory.buffer)[wasmOffsets.halted] === 1;
  }

  /** ACPI: SLP_EN with sleep type 0, which the firmware's tables name for S5. v86 only notes it. */
  get isPoweredOff(): boolean {
    const status = this.cpu.devices.acpi?.status ?? 0;
    return (status & acpiSleepMask) === acpiSleepEnable;
  }

  /** Presses the button of the case; false if the guest has not asked to be told of it. */
  pressPowerButton(): boolean {
    const { acpi } = this.cpu.devices;
    if (!acpi || (acpi.pm1_enable & acpiPowerButton) === 0) return false;
    acpi.pm1_status |= acpiPowerButton;
    this.cpu.device_raise_irq(acpiIrq);
    return true;
  }

  display(): Display {
    return displayOf(this.cpu.devices.vga);
  }

  /** v86's own counter: 32 bits, from 0 in a fresh machine. */
  get instructionCounter(): number {
    return this.#readCounter()[0] ?? 0;
  }

  /** Starts guest time; events applied from here on see the epoch's clock. */
  startEpoch(clockMs: number): void {
    this.#time.startEpoch(clockMs, () => this.#readCounter());
  }

  /** One round of v86's main loop. Answers how long a halted guest may sleep, in milliseconds. */
  runRound(): number {
    this.#time.startRound();
    const { buffer } = this.cpu.wasm_memory;
    new Uint32Array(buffer, wasmOffsets.roundStart, 1)[0] = this.instructionCounter;
    const sleepMs = this.cpu.main_loop();
    this.#jit.install();
    return sleepMs;
  }

  send(name: string, value: unknown): void {
    this.#emulator.bus.send(name, value);
  }

  /** One step of what can be done ahead of `save`. Answers whether that was all. */
  prepareSave(): boolean {
    return prepareSave(this.#emulator, this.#jit.table, this.#cutBuffer);
  }

  save(): Uint8Array {
    return saveState(this.#emulator, this.#jit.table, this.#cutBuffer);
  }

  restore(state: Uint8Array): void {
    restoreState(this.#emulator, this.#jit.table, state);
  }

  #connect(parts: MachineParts): void {
    const { cpu } = this;
    carryLeftovers(cpu);
    cpu.reboot_internal = () => {
      this.resetRequested = true;
      // As if halted: the rest of the epoch is not the guest's any more.
      new Uint8Array(cpu.wasm_memory.buffer)[wasmOffsets.halted] = 1;
    };
    const { net, virtio_net, ide, pci } = cpu.devices;
    if (!ide.primary) {
      // v86 says "I/O port 0" for the channel it leaves out, and fails to restore what it said.
      pci.device_spaces[ideController]?.fill(0, firstBarWord, firstBarWord + 2);
    }
    const mac = this.#spec.nic?.mac.split(':').map((byte) => parseInt(byte, 16)) ?? [];
    net?.mac.set(mac);
    // The ne2k's address PROM has every byte twice.
    net?.memory.set(mac.flatMap((byte) => [byte, byte]));
    virtio_net?.mac.set(mac);
    if (parts.spec.console !== 'screen') {
      this.#emulator.add_listener('serial0-output-byte', parts.consoleByte);
    }
    this.#emulator.add_listener('net0-send', parts.frameSent);
    this.#emulator.add_listener('cpu-event-halt', () => (this.haltedForGood = true));
  }

  #ideInterface(name: DriveName) {
    const { primary, secondary } = this.cpu.devices.ide;
    const found = { hda: primary?.master, hdb: primary?.slave, cdrom: secondary?.master }[name];
    if (!found) throw new Error(`v86 gives the machine no drive ${name}; hdb needs an hda`);
    return found;
  }

  #readCounter(): Uint32Array {
    return new Uint32Array(this.cpu.wasm_memory.buffer, wasmOffsets.instructionCounter, 1);
  }

  #refreshViews(): void {
    if (this.#words.length !== 0) return; // Growing detaches the old views: their length becomes 0.
    const { buffer } = this.cpu.wasm_memory;
    const { registers, processorEnd } = wasmOffsets;
    this.#words = new Int32Array(buffer, registers, (processorEnd - registers) / 4);
    const { byteOffset } = this.cpu.mem8;
    this.#memory = new Int32Array(buffer, byteOffset, (this.cpu.memory_size[0] ?? 0) / 4);
  }
}

function v86Options(
  spec: MachineSpec,
  files: BootFiles,
  drives: Record<string, GuestDrive>,
): Record<string, unknown> {
  const file = (bytes: Uint8Array | null) => (bytes ? { buffer: arrayBufferOf(bytes) } : undefined);
  const kernel = file(files.kernel);
  return {
    ...drives,
    memory_size: spec.memoryMiB * 2 ** 20,
    vga_memory_size: spec.vgaMemoryMiB * 2 ** 20,
    bios: file(files.bios),
    vga_bios: file(files.vgaBios),
    ...(spec.boot.kernel?.format === 'multiboot' ? { multiboot: kernel } : { bzimage: kernel }),
    initrd: file(files.initrd),
    cmdline: spec.boot.commandLine,
    net_device: { type: spec.nic?.model ?? 'none' },
    preserve_mac_from_state_image: true,
    acpi: spec.acpi,
    disable_jit: !spec.jit,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
  };
}

/** The guest was told of the button and has not taken note yet. */
function isButtonWaiting({ devices: { acpi } }: V86Cpu): boolean {
  return acpi !== undefined && (acpi.pm1_status & acpi.pm1_enable & acpiPowerButton) !== 0;
}

/** v86 keeps and slices what it gets, so it gets a buffer of its own. */
function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}
