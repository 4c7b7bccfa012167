#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the suite is built with for another machine, and what its guest is made of:
# packages of Debian for that machine, unpacked. This machine's own package
# architecture stays as it is.
set -eu

usage() {
	cat <<END
usage: sysroot.sh ARCH

Prints a folder in the cache with libraries, headers, busybox and kmod for ARCH,
and a file for meson --cross-file, cross.
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1-} in
--help) usage; exit 0 ;;
esac
[ $# -eq 1 ] || { usage >&2; exit 2; }
machine "$here" "$1"
[ -n "$triplet" ] || die "$1 is no other machine"

# Of whichever Debian: the guest brings all that it runs.
suite=trixie
packages='libc6 libc6-dev linux-libc-dev libdrm2 libdrm-dev liburing2 liburing-dev
	libpcre2-8-0 libpcre2-dev
	libibverbs1 libibverbs-dev ibverbs-providers libnl-3-200 libnl-3-dev
	libnl-route-3-200 libnl-route-3-dev
	busybox-static kmod libssl3t64 libzstd1 liblzma5 iproute2 libmnl0 libcap2'

sysroot=$cache/sysroot/$1-$({
	cat "$0"
	echo "$debian $triplet"
} | sha256sum | cut -c 1-16)
if [ ! -d "$sysroot" ]; then
	new_in "$cache/sysroot"
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	echo "sysroot.sh: fetching libraries for $1 from $suite" >&2
	# shellcheck disable=SC2086 # a word each
	"$here/archive.sh" --arch "$debian" "$suite" "$new" $packages || exit 2
	# As the linker's script for libc names it.
	ln -s usr/lib "$new/lib"
	cpu=${triplet%%-*}
	# First of all: a compiler that has a libc of its own looks there whatever its sysroot.
	own="'-B$sysroot/usr/lib/$triplet/', '-L$sysroot/usr/lib/$triplet'"
	own="$own, '-isystem', '$sysroot/usr/include/$triplet', '-isystem', '$sysroot/usr/include'"
	cat >"$new/cross" <<END
[binaries]
c = ['${cross}gcc', '--sysroot=$sysroot', $own]
ar = '${cross}ar'
strip = '${cross}strip'
pkgconfig = 'pkg-config'

[properties]
needs_exe_wrapper = true
sys_root = '$sysroot'
pkg_config_libdir = ['$sysroot/usr/lib/$triplet/pkgconfig', '$sysroot/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = '$cpu'
cpu = '$cpu'
endian = 'little'
END
	chmod 755 "$new"
	# Where another run was faster, its tree is as good.
	[ -d "$sysroot" ] || mv "$new" "$sysroot"
	rm -rf "$new" "$sysroot/${new##*/}"
	trap - EXIT
fi
echo "$sysroot"
