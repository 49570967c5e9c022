/**
 * A disk of 1 MiB whose boot sector greets on the screen and then shows each key that is pressed, by the
 * calls of the BIOS, as programs of the eighties do.
 */
export function bootSectorDisk(greeting: string): Buffer {
  const code = [
    '31c0', //       xor ax, ax
    '8ed8', //       mov ds, ax
    'be207c', //     mov si, greeting
    'ac', //     next: lodsb
    '84c0', //       test al, al
    '7406', //       jz typed
    'b40e', //       mov ah, 0Eh
    'cd10', //       int 10h          ; write a character
    'ebf5', //       jmp next
    '31c0', //   typed: xor ax, ax
    'cd16', //       int 16h          ; wait for a key
    'b40e', //       mov ah, 0Eh
    'cd10', //       int 10h
    'ebf6', //       jmp typed
  ];
  const disk = Buffer.alloc(1024 * 1024);
  disk.write(code.join(''), 'hex');
  disk.write(`${greeting}\0`, 0x20, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
