#!/bin/sh
# usage: fetch.sh WORK
# Downloads the packages of recipe/packages into WORK/pool and unpacks them into WORK/debian. Installs nothing: apt runs
# with a private state of its own, on the package sources this machine is set up with.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$1" && pwd)

# Nothing older may lie there from an earlier run.
rm -rf "$work/pool" "$work/debian"
mkdir -p "$work/pool" "$work/debian"
cd "$work/pool"

# fetch ARCHITECTURE PACKAGE...
fetch() {
	architecture=$1
	apt=$work/apt/$architecture
	shift
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	: > "$apt/status"
	cat > "$apt/apt.conf" <<-CONF
		APT::Architecture "$architecture";
		APT::Architectures { "$architecture"; };
		APT::Sandbox::User "$(id -un)";
		Dir::State "$apt/state";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
	CONF
	# One list that cannot be had (a source without i386, a mirror in motion) does no harm while the packages are found.
	APT_CONFIG="$apt/apt.conf" apt-get -qq update ||
		echo "fetch: not all package lists for $architecture could be had: some packages may not be the newest" >&2
	APT_CONFIG="$apt/apt.conf" apt-get -qq download "$@"
}

# Packages for all machines (marked `all`) are in the lists of every architecture. They are taken from those of amd64, so
# that an i386 list that is missing cannot hide a newer kernel.
# shellcheck disable=SC2046  # one word for each package is what is wanted
fetch amd64 $(sed -n 's/#.*//; s/^\([^ ]\{1,\}\) all$/\1/p' "$here/packages")
# shellcheck disable=SC2046
fetch i386 $(sed -n 's/#.*//; s/^[^ ]\{1,\}$/&/p' "$here/packages")

for deb in *.deb; do
	case $deb in
	*_i386.deb | *_all.deb) dpkg-deb -x "$deb" "$work/debian" ;;
	*) echo "fetch: $deb is not for i386" >&2 && exit 1 ;;
	esac
done
