import type { V86ByteQueue, V86Cpu, V86IdeInterface } from './v86-internals.js';

// Well past what v86 0.5.462 uses (91), so that ours rides in its state file unseen.
const slot = 120;
// The "fast A20" byte sits in a closure; the port is the way in.
const a20Port = 0x92;
// Where v86's VGA keeps its memory in its state.
const svgaMemorySlot = 39;

/**
 * Makes v86's state file hold its JavaScript exactly. A machine goes on after it was saved, and the
 * one restored from it has to do the same, so what the file forgets has to be carried beside it:
 *
 * - the A20 byte; the read position in the firmware's configuration port;
 * - bytes in the keyboard and mouse queues, and whether one waits to be read;
 * - the power management timer's place, without which it may step back;
 * - the multicast filter of the ne2k;
 * - the number of the next disk operation; what is `undefined`, for which JSON has `null`.
 *
 * And it leaves out the memories, which lie in linear memory and are saved with it.
 *
 * Left out knowingly: a disk operation in flight (cuts wait for none), floppy and sound (no media).
 * `test/vcpu/warm-cut.test.ts` compares every field of both sides.
 */
export function carryLeftovers(cpu: V86Cpu): void {
  leaveMemoriesOut(cpu);
  // To save would write the TSC into linear memory, where those who only replay would not have it.
  cpu.store_current_tsc = () => undefined;
  const saveState = cpu.get_state.bind(cpu);
  const restoreState = cpu.set_state.bind(cpu);
  cpu.get_state = () => {
    const state = saveState();
    state[slot] = leftoversOf(cpu);
    return state;
  };
  cpu.set_state = (state) => {
    // Restoring puts arrays where views of linear memory were.
    const { last_result, fpu_status_word, mxcsr } = cpu;
    // Parts of the machine, not of its state; restoring makes them `null`, or the drive itself.
    const drives = ideInterfaces(cpu).map(({ drive_connected, is_atapi }) => ({
      drive_connected,
      is_atapi,
    }));
    restoreState(state);
    Object.assign(cpu, { last_result, fpu_status_word, mxcsr });
    ideInterfaces(cpu).forEach((ide, i) => Object.assign(ide, drives[i]));
    restoreLeftovers(cpu, state[slot] as Leftovers);
  };
}

/** Plain arrays and numbers: what v86's state file can hold without help. */
type Leftovers = [
  board: [a20: number, firmwarePointer: number],
  keyboard: [keys: number[], mouse: number[], isReady: boolean, isAux: boolean],
  powerTimer: [last: number, lastValue: number, imprecision: number] | null,
  multicastFilter: number[] | null,
  lastIoIds: number[],
];

function leaveMemoriesOut(cpu: V86Cpu): void {
  cpu.pack_memory = () => ({
    bitmap: { get_buffer: () => new ArrayBuffer(0) },
    packed_memory: new Uint8Array(0),
  });
  cpu.unpack_memory = () => undefined;
  const { vga } = cpu.devices;
  const saveState = vga.get_state.bind(vga);
  vga.get_state = () => {
    const state = saveState();
    state[svgaMemorySlot] = new Uint8Array(0);
    return state;
  };
}

function leftoversOf(cpu: V86Cpu): Leftovers {
  const { ps2, acpi, net } = cpu.devices;
  return [
    [cpu.io.port_read8(a20Port), cpu.fw_pointer],
    [
      bytesOf(ps2.kbd_buffer),
      bytesOf(ps2.mouse_buffer),
      ps2.next_byte_is_ready,
      ps2.next_byte_is_aux,
    ],
    acpi ? [acpi.last_timer, acpi.timer_last_value, acpi.timer_imprecision_offset] : null,
    net ? [...net.mar] : null,
    ideInterfaces(cpu).map(({ last_io_id }) => last_io_id),
  ];
}

function restoreLeftovers(cpu: V86Cpu, leftovers: Leftovers): void {
  const [[a20, firmwarePointer], keyboard, powerTimer, multicastFilter, lastIoIds] = leftovers;
  const { ps2, acpi, net, parallel0 } = cpu.devices;
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
  ideInterfaces(cpu).forEach((ide, i) => (ide.last_io_id = lastIoIds[i] ?? 0));
  if (parallel0) parallel0.status_latched ??= undefined;
}

function ideInterfaces(cpu: V86Cpu): V86IdeInterface[] {
  const { primary, secondary } = cpu.devices.ide;
  return [primary, secondary].flatMap((channel) =>
    channel ? [channel.master, channel.slave] : [],
  );
}

/** What waits in the queue; the queue can only be read by emptying it, so it is filled again. */
function bytesOf(queue: V86ByteQueue): number[] {
  const bytes = Array.from({ length: queue.length }, () => queue.shift());
  for (const byte of bytes) queue.push(byte);
  return bytes;
}
