#!/bin/sh
# usage: mkvmlinuz.sh VMLINUX BZIMAGE OUT
# Makes the kernel file of the guest from the two that the kernel build gives: see src/vmlinuz.S.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The setup code is the first part of a bzImage; byte 0x1f1 says how many sectors it has after the first.
sectors=$(od -An -tu1 -j 497 -N 1 "$2" | tr -d ' ')
setup_bytes=$(((sectors + 1) * 512))
head -c $setup_bytes "$2" > "$work/setup.bin"

# The bare kernel: its loaded bytes, where it is entered, and where its memory ends (with what is zero at the start).
objcopy -O binary -R .note -R .comment -S "$1" "$work/vmlinux.bin"
entry=$(readelf -h "$1" | awk '/Entry point/ { print $4 }')
end=$(readelf -lW "$1" | awk '$1 == "LOAD" { print $4, $6 }' | while read -r at size; do echo $((at + size)); done | sort -n | tail -1)

cd "$work"
gcc -m32 -c -Wa,--defsym,SETUP_BYTES=$setup_bytes,--defsym,KERNEL_BYTES="$(stat -c %s vmlinux.bin)" \
	-Wa,--defsym,KERNEL_END="$end",--defsym,KERNEL_ENTRY="$entry" -o vmlinuz.o "$here/src/vmlinuz.S"
ld -m elf_i386 -Ttext 0x100000 --oformat binary -e 0 -o vmlinuz vmlinuz.o
cd - > /dev/null
cp "$work/vmlinuz" "$3"
