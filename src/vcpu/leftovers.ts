import type { V86ByteQueue, V86Cpu } from './v86-internals.js';

// Well past what v86 0.5.462 uses (91), so that ours rides in its state file unseen.
const slot = 120;
// The "fast A20" byte sits in a closure; the port is the way in.
const a20Port = 0x92;

/**
 * Carries through a snapshot what v86's own state file forgets, and a guest would miss:
 *
 * - `last_result`, the FPU status word and MXCSR are saved, but restoring puts the values beside
 *   WebAssembly memory instead of into it: a flag not yet looked at, an FPU exception or a rounding
 *   mode would change under the guest, and the next save would repeat the old values;
 * - whether the APIC is on; the A20 byte; the read position in the firmware's configuration port;
 * - bytes in the keyboard and mouse queues, and whether one waits to be read;
 * - the power management timer's place, without which it may step back;
 * - the multicast filter of the ne2k.
 *
 * Left out knowingly: TLB, compiled code and the TSC's interpolation (both sides of a cut start
 * without them), a disk operation in flight (cuts wait for none), floppy and sound (no media).
 */
export function carryLeftovers(cpu: V86Cpu): void {
  const saveState = cpu.get_state.bind(cpu);
  const restoreState = cpu.set_state.bind(cpu);
  cpu.get_state = () => {
    const state = saveState();
    state[slot] = leftoversOf(cpu);
    return state;
  };
  cpu.set_state = (state) => {
    const { last_result, fpu_status_word, mxcsr } = cpu;
    restoreState(state);
    const restored = [cpu.last_result[0], cpu.fpu_status_word[0], cpu.mxcsr[0]] as const;
    Object.assign(cpu, { last_result, fpu_status_word, mxcsr });
    [last_result[0], fpu_status_word[0], mxcsr[0]] = restored as [number, number, number];
    restoreLeftovers(cpu, state[slot] as Leftovers);
  };
}

/** Plain arrays and numbers: what v86's state file can hold without help. */
type Leftovers = [
  processor: [apicEnabled: number, a20: number, firmwarePointer: number],
  keyboard: [keys: number[], mouse: number[], isReady: boolean, isAux: boolean],
  powerTimer: [last: number, lastValue: number, imprecision: number] | null,
  multicastFilter: number[] | null,
];

function leftoversOf(cpu: V86Cpu): Leftovers {
  const { ps2, acpi, net } = cpu.devices;
  return [
    [cpu.apic_enabled[0] ?? 0, cpu.io.port_read8(a20Port), cpu.fw_pointer],
    [
      bytesOf(ps2.kbd_buffer),
      bytesOf(ps2.mouse_buffer),
      ps2.next_byte_is_ready,
      ps2.next_byte_is_aux,
    ],
    acpi ? [acpi.last_timer, acpi.timer_last_value, acpi.timer_imprecision_offset] : null,
    net ? [...net.mar] : null,
  ];
}

function restoreLeftovers(cpu: V86Cpu, leftovers: Leftovers): void {
  const [[apicEnabled, a20, firmwarePointer], keyboard, powerTimer, multicastFilter] = leftovers;
  const { ps2, acpi, net } = cpu.devices;
  cpu.apic_enabled[0] = apicEnabled;
  cpu.io.port_write8(a20Port, a20);
  cpu.fw_pointer = firmwarePointer;
  const [keys, mouse, isReady, isAux] = keyboard;
  for (const byte of keys) ps2.kbd_buffer.push(byte);
  for (const byte of mouse) ps2.mouse_buffer.push(byte);
  ps2.next_byte_is_ready = isReady;
  ps2.next_byte_is_aux = isAux;
  if (acpi && powerTimer) {
    [acpi.last_timer, acpi.timer_last_value, acpi.timer_imprecision_offset] = powerTimer;
  }
  if (net && multicastFilter) net.mar = Uint8Array.from(multicastFilter);
}

/** What waits in the queue; the queue can only be read by emptying it, so it is filled again. */
function bytesOf(queue: V86ByteQueue): number[] {
  const bytes = Array.from({ length: queue.length }, () => queue.shift());
  for (const byte of bytes) queue.push(byte);
  return bytes;
}
