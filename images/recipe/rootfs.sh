#!/bin/bash
# usage: rootfs.sh WORK
# Makes WORK/out/rootfs.ext4 from rootfs/ (our files), files (Debian's) and src/ (our programs). Needs no root rights: the
# filesystem is written from outside by debugfs, file by file in sorted order, so that the result is always the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$1" && pwd)
debian=$work/debian
root=$work/rootfs
libraries=lib/i386-linux-gnu
SIZE=64M
export LC_ALL=C E2FSPROGS_FAKE_TIME=1735689600

rm -rf "$root"
mkdir -p "$work/out" "$root"/{bin,dev,etc/dropbear,mnt,proc,root/.ssh,run,sbin,sys,tmp,usr/{bin,sbin},var/{lib/redis,log},$libraries}
cp -R "$here/rootfs/." "$root"

# --- Debian's files, each with the shared libraries it needs.
cp_with_libraries() {
	local from=$1 to=$2 name found
	mkdir -p "$(dirname "$root/$to")"
	cp -L "$debian/$from" "$root/$to"
	for name in $(readelf -d "$root/$to" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ -e "$root/$libraries/$name" ] || [ "$name" = ld-linux.so.2 ] && continue
		for found in {lib,usr/lib}/i386-linux-gnu/"$name"; do
			[ -e "$debian/$found" ] && break
		done
		[ -e "$debian/$found" ] || { echo "rootfs: $to needs $name: add its package to recipe/packages" >&2; exit 1; }
		cp_with_libraries "$found" "$libraries/$name"
	done
}

# Ours: see src/libsystemd.c. (Before the programs, so that it is found first.)
gcc -m32 -Os -fPIC -shared -nostdlib -fno-asynchronous-unwind-tables -fcf-protection=none \
	-Wl,-soname,libsystemd.so.0,--build-id=none,-z,noseparate-code,-s \
	-Wl,--version-script="$here/src/libsystemd.map" -o "$root/$libraries/libsystemd.so.0" "$here/src/libsystemd.c"

while read -r from to; do
	cp_with_libraries "$from" "$to"
done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$here/files")

# --- Busybox: a link for each of its programs, and one byte changed. Its shell asks the terminal for the place of the
# cursor (ESC [ 6 n) at every prompt; on a console that is also read by programs, the answer is input that nobody typed.
busybox=$root/bin/busybox
at=$(grep -obUaP '\x1b\[6n\x00' "$busybox" | cut -d: -f1)
printf '\0' | dd of="$busybox" bs=1 seek="$at" conv=notrunc status=none
"$busybox" --list-full | grep -v '^bin/busybox$' | while read -r applet; do
	mkdir -p "$(dirname "$root/$applet")"
	ln -sf /bin/busybox "$root/$applet"
done

# --- Our programs: static, without a C library.
for program in counter fsyncer personalise; do
	gcc -m32 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -mno-sse \
		-fno-pie -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
		-Wl,--build-id=none,-z,noseparate-code,-s -o "$root/usr/bin/$program" "$here/src/$program.c"
done

# --- The filesystem. With a journal, so that a power cut costs at most what was not yet synced. No reserve for root, no
# room to grow, nothing left for the guest's kernel to initialise in the background.
image=$work/out/rootfs.ext4
rm -f "$image"
mke2fs -q -t ext4 -b 4096 -N 2048 -m 0 -J size=4 -L ftvm-guest -O '^resize_inode,^64bit,^huge_file' \
	-U 6674766d-0000-4000-8000-000000000001 \
	-E hash_seed=6674766d-0000-4000-8000-000000000002,lazy_itable_init=0,lazy_journal_init=0 "$image" $SIZE > /dev/null

mode() {
	case $1 in
	tmp) echo 041777 ;;
	root | root/.ssh | etc/dropbear) echo 040700 ;;
	*) if [ -d "$1" ]; then echo 040755; elif [ -x "$1" ]; then echo 0100755; else echo 0100644; fi ;;
	esac
}
cd "$root"
find . -mindepth 1 | cut -c 3- | sort | while read -r path; do
	if [ -L "$path" ]; then
		echo "symlink $path $(readlink "$path")"
		continue
	elif [ -d "$path" ]; then
		echo "mkdir $path"
	else
		echo "write $path $path"
	fi
	echo "sif $path mode $(mode "$path")"
done > "$work/debugfs.commands"
debugfs -w -f "$work/debugfs.commands" "$image" > "$work/debugfs.log" 2>&1
if grep -v '^debugfs\|^Allocated inode' "$work/debugfs.log"; then
	echo "rootfs: debugfs complained" >&2
	exit 1
fi
e2fsck -fn "$image" > "$work/e2fsck.log" 2>&1 || { cat "$work/e2fsck.log" >&2; exit 1; }
