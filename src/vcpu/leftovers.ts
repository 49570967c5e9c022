import { fieldsOf, setFields } from './device-fields.js';
import type { V86ByteQueue, V86Cpu } from './v86-internals.js';

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
 * - every field of every device (device-fields.ts);
 * - what sits in closures: the A20 byte, bytes in the queues of keyboard, mouse and sound card;
 * - the read position in the firmware's configuration port.
 *
 * And it leaves out the memories, which lie in linear memory and are saved with it.
 *
 * Left out knowingly: a disk operation in flight (cuts wait for none), and a floppy's (no media).
 * `test/vcpu/warm-cut.test.ts` compares all of both sides.
 */
export function carryLeftovers(cpu: V86Cpu): void {
  leaveMemoriesOut(cpu);
  // To save would write the TSC into linear memory, where those who only replay would not have it.
  cpu.store_current_tsc = () => undefined;
  const saveState = cpu.get_state.bind(cpu);
  const restoreState = cpu.set_state.bind(cpu);
  cpu.get_state = () => {
    const state = saveState();
    // As text: v86's file has arrays and numbers only.
    state[slot] = JSON.stringify(leftoversOf(cpu));
    return state;
  };
  cpu.set_state = (state) => {
    // Restoring puts arrays where views of linear memory were.
    const { last_result, fpu_status_word, mxcsr } = cpu;
    restoreState(state);
    Object.assign(cpu, { last_result, fpu_status_word, mxcsr });
    restoreLeftovers(cpu, JSON.parse(state[slot] as string) as Leftovers);
  };
}

interface Leftovers {
  readonly a20: number;
  readonly firmwarePointer: number;
  readonly queues: readonly (readonly number[])[];
  readonly fields: ReturnType<typeof fieldsOf>;
}

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
  return {
    a20: cpu.io.port_read8(a20Port),
    firmwarePointer: cpu.fw_pointer,
    queues: queuesOf(cpu).map(bytesOf),
    fields: fieldsOf(cpu.devices),
  };
}

function restoreLeftovers(cpu: V86Cpu, leftovers: Leftovers): void {
  const { a20, firmwarePointer, queues, fields } = leftovers;
  cpu.io.port_write8(a20Port, a20);
  cpu.fw_pointer = firmwarePointer;
  queuesOf(cpu).forEach((queue, i) => {
    queue.clear();
    for (const byte of queues[i] ?? []) queue.push(byte);
  });
  setFields(cpu.devices, fields);
}

function queuesOf(cpu: V86Cpu): V86ByteQueue[] {
  const { ps2, sb16 } = cpu.devices;
  const sound = sb16 ? [sb16.read_buffer, sb16.write_buffer, sb16.mpu_read_buffer] : [];
  return [ps2.kbd_buffer, ps2.mouse_buffer, ...sound];
}

/** What waits in the queue; the queue can only be read by emptying it, so it is filled again. */
function bytesOf(queue: V86ByteQueue): number[] {
  const bytes = Array.from({ length: queue.length }, () => queue.shift());
  for (const byte of bytes) queue.push(byte);
  return bytes;
}
