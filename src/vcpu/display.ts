import type { Display } from '../guest/text-screen.js';
import type { V86Vga } from './v86-internals.js';

// VGA's cursor start register (CRTC 0x0A): bit 5 hides the cursor.
const cursorHidden = 1 << 5;

/** Looks at the card's own state and changes nothing of it, so that replicas that look are equal to those that do not. */
export function displayOf(vga: V86Vga): Display {
  if (vga.graphical_mode) return { kind: 'pixels' };
  const { max_cols: columns, max_rows: rows, start_address: start } = vga;
  const rowCells = Math.max(columns, 2 * vga.offset_register);
  const cells = new Uint8Array(columns * rows * 2);
  for (let row = 0; row < rows; row += 1) {
    const from = (start + row * rowCells) * 2;
    cells.set(vga.vga_memory.subarray(from, from + columns * 2), row * columns * 2);
  }
  return { kind: 'text', columns, rows, cells, cursor: cursorOf(vga, rowCells) };
}

function cursorOf(vga: V86Vga, rowCells: number): { row: number; column: number } | null {
  const at = vga.cursor_address - vga.start_address;
  const row = Math.floor(at / rowCells);
  const column = at % rowCells;
  const isHidden = (vga.cursor_scanline_start & cursorHidden) !== 0;
  if (isHidden || at < 0 || row >= vga.max_rows || column >= vga.max_cols) return null;
  return { row, column };
}
