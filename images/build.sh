#!/bin/sh
# usage: images/build.sh [all|rootfs]
# Rebuilds the images from Debian packages: see README.md. `rootfs` keeps the kernel that is committed.
#
#   FTVM_IMAGE_WORK=DIR   work there and leave everything behind (a second run is then faster);
#                         default: a new temporary directory, removed at the end
#   JOBS=N                how much of the kernel to compile at once (default 3)
set -eu
images=$(cd "$(dirname "$0")" && pwd)
recipe=$images/recipe
what=${1:-all}

for tool in apt-get dpkg-deb gcc make flex bison bc lz4 xz perl debugfs mke2fs node; do
	command -v $tool > /dev/null || { echo "build: $tool is missing; README.md says what to install" >&2; exit 4; }
done
if [ -n "${FTVM_IMAGE_WORK:-}" ]; then
	work=$FTVM_IMAGE_WORK
	mkdir -p "$work"
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi

"$recipe/fetch.sh" "$work"
case $what in
all) "$recipe/kernel.sh" "$work" ;;
rootfs)
	mkdir -p "$work/out"
	node -e 'const { readFileSync, writeFileSync } = require("node:fs");
		writeFileSync(process.argv[2], require("node:zlib").brotliDecompressSync(readFileSync(process.argv[1])));' \
		"$images/linux/vmlinuz.br" "$work/out/vmlinuz"
	;;
*) echo "usage: images/build.sh [all|rootfs]" >&2; exit 2 ;;
esac
"$recipe/rootfs.sh" "$work"
node "$recipe/pack.mjs" "$work" "$images"
