#!/bin/sh
# usage: kernel.sh WORK
# Builds WORK/out/vmlinuz from Debian's kernel source, `tinyconfig` and kernel.fragment. JOBS (default 3) run at once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$1" && pwd)
source=$work/linux-source-6.1
build=$work/kernel-build
fragment=$here/kernel.fragment

if [ ! -d "$source" ]; then
	tar -C "$work" -xf "$work/debian/usr/src/linux-source-6.1.tar.xz"
	# The only change to the source: do not sleep 150 ms after each reset of an IDE channel. v86 needs no rest.
	sed -i 's/\(ATA_WAIT_AFTER_RESET[[:space:]]*=[[:space:]]*\)150,/\11,/' "$source/include/linux/libata.h"
	grep -q 'ATA_WAIT_AFTER_RESET[[:space:]]*=[[:space:]]*1,' "$source/include/linux/libata.h"
fi

# The same words in every build, so that the same source gives the same bytes.
export KBUILD_BUILD_TIMESTAMP='2025-01-01 00:00:00 UTC' KBUILD_BUILD_USER=ftvm KBUILD_BUILD_HOST=ftvm KBUILD_BUILD_VERSION=1
mkdir -p "$build" "$work/out"
make -s -C "$source" ARCH=i386 O="$build" tinyconfig > /dev/null
"$source/scripts/kconfig/merge_config.sh" -m -O "$build" "$build/.config" "$fragment" > /dev/null
make -s -C "$source" ARCH=i386 O="$build" olddefconfig

# Kconfig drops silently what it cannot have: say so instead.
sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set$/\1=/p' "$fragment" | while read -r off; do
	! grep "^$off" "$build/.config" || { echo "kernel: $off is on, kernel.fragment wants it off" >&2; exit 1; }
done
grep '^CONFIG_' "$fragment" | while read -r on; do
	grep -qxF "$on" "$build/.config" || { echo "kernel: $on did not stick" >&2; exit 1; }
done

make -s -C "$build" -j "${JOBS:-3}" ARCH=i386 bzImage
"$here/mkvmlinuz.sh" "$build/vmlinux" "$build/arch/x86/boot/bzImage" "$work/out/vmlinuz"
