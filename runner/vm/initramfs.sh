#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The part of the guest that depends on the kernel only: busybox, modprobe, init
# and the modules of the table. Not compressed: the guest would have to
# decompress it, and an emulated CPU is slow at that.
set -eu

usage() {
	cat <<END
usage: initramfs.sh [--arch ARCH] [--strip] TABLE RELEASE MODULES [FILE.ko...]

Prints the path of a cpio in the cache with the modules of TABLE out of MODULES
(lib/modules/RELEASE, or '' for none), the FILEs and what both depend on; with
--strip without their signatures: each takes the guest 30 ms to verify.
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

arch=x86-64
strip=
while [ $# -gt 0 ]; do
	case $1 in
	--arch) arch=${2-}; shift ;;
	--strip) strip=1 ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 3 ] || { usage >&2; exit 2; }
PATH=$PATH:/usr/sbin:/sbin
machine "$here" "$arch"
sysroot=
table=$1
release=$2
modules=$3
shift 3
for f; do
	[ -f "$f" ] || die "there is no module '$f'"
	case $f in
	*.ko | *.ko.xz | *.ko.zst | *.ko.gz) ;;
	*) die "$f is no kernel module (FILE.ko)" ;;
	esac
	modinfo "$f" >/dev/null 2>&1 || die "$f is no kernel module"
done
busybox=$(command -v busybox) && kmod=$(command -v kmod) || die "busybox or kmod is not there"
# What this machine's is made of, though another one may be for the guest.
applets=$(busybox --list)
if [ -n "$triplet" ]; then
	sysroot=$("$here/sysroot.sh" "$arch") || exit 2
	busybox=$sysroot/usr/bin/busybox
	kmod=$sysroot/usr/bin/kmod
fi
if [ -n "$(libraries "$sysroot" "$busybox")" ]; then
	die "$busybox is not linked statically (Debian: busybox-static)"
fi
cache=$cache/initramfs

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# FILE.ko of every module there is; the extra ones first, so that they win.
{
	printf '%s\n' "$@"
	[ -z "$modules" ] || find "$modules/" -name '*.ko*'
} | grep . >"$tmp/files" || :

key=$({
	cat "$0" "$here/init" "$table"
	echo "$release" "$strip"
	tr '\n' '\0' <"$tmp/files" | xargs -0r stat -L -c '%n %s %Y'
	stat -L -c '%n %s %Y' "$busybox" "$kmod"
} | sha256sum | cut -c 1-16)
out=$cache/$release-$key.cpio
if [ -f "$out" ]; then
	touch "$out"
	echo "$out"
	exit 0
fi

root=$tmp/root
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib/modules/$release" "$root/usr/lib64" \
	 "$root/etc" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/var/tmp" "$root/results"
for d in bin sbin lib lib64; do
	ln -s "usr/$d" "$root/$d"
done
cp "$here/init" "$root/init"
cp "$busybox" "$root/usr/bin/busybox"
for applet in $applets; do
	case $applet in
	busybox | modprobe | insmod | rmmod | lsmod | depmod | modinfo) ;;
	*) ln -s busybox "$root/usr/bin/$applet" ;;
	esac
done
# The kernel calls /sbin/modprobe; busybox's does not know softdeps.
cp "$kmod" "$root/usr/bin/kmod"
ln -s ../bin/kmod "$root/usr/sbin/modprobe"
libraries "$sysroot" "$kmod" | while read -r lib; do
	to=${lib#"$sysroot"}
	to=$root/usr${to#/usr}
	mkdir -p "$(dirname "$to")"
	cp -L "$lib" "$to"
done

# The table's modules, those that init asks for by name, and all that they depend on,
# a generation at a time.
awk '!/^#/ && NF && $2 != "-" { print $2 }' "$table" >"$tmp/want"
printf '%s\n' virtio_pci virtio_blk 9p 9pnet_virtio kvm_amd kvm_intel "$@" >>"$tmp/want"
: >"$tmp/have"
while [ -s "$tmp/want" ]; do
	awk '
		function name(f) {
			sub(".*/", "", f); sub("[.]ko.*", "", f); gsub("-", "_", f)
			return f
		}
		FILENAME == ARGV[1] { have[$0] = 1; next }
		FILENAME == ARGV[2] { if (!(name($0) in path)) path[name($0)] = $0; next }
		name($0) in path && !(path[name($0)] in have) {
			print path[name($0)]; have[path[name($0)]] = 1
		}' "$tmp/have" "$tmp/files" "$tmp/want" >"$tmp/new"
	cat "$tmp/new" >>"$tmp/have"
	tr '\n' '\0' <"$tmp/new" | xargs -0r modinfo -F depends |
		tr ', ' '\n\n' | grep . | sort -u >"$tmp/want" || :
done
while read -r f; do
	to=$root/usr/lib/modules/$release/$(basename "${f%.ko*}").ko
	case $f in
	*.xz) xz -dc "$f" ;;
	*.zst) zstd -qdc "$f" ;;
	*.gz) gzip -dc "$f" ;;
	*) cat "$f" ;;
	esac >"$to"
	[ -z "$strip" ] || "${cross}strip" -g "$to"
done <"$tmp/have"
for f in modules.builtin modules.builtin.modinfo modules.order; do
	[ ! -f "$modules/$f" ] || cp "$modules/$f" "$root/usr/lib/modules/$release/"
done
depmod -b "$root" "$release" 2>"$tmp/depmod" || { cat "$tmp/depmod" >&2; die "depmod failed"; }

mkdir -p "$cache"
# Kernels come and go.
find "$cache" -name '*.cpio' -mtime +30 -delete
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$out.$$"
mv "$out.$$" "$out"
echo "$out"
