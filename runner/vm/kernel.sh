#!/bin/sh
# SPDX-License-Identifier: MIT
#
# From the name of a kernel to its files.
set -eu

usage() {
	cat <<END
usage: kernel.sh [--modules DIR] SPEC

SPEC is debian:SUITE (the suite's newest kernel, from the archive, cached),
source:VERSION (built by source.sh, cached), the path of a kernel's build tree, or
that of a bzImage; DIR has that one's modules (an INSTALL_MOD_PATH, or
lib/modules/RELEASE itself). Prints, a line each:
	release=RELEASE
	bzimage=PATH
	boot=PATH	of what QEMU is to start: that, or what is packed in it
	modules=PATH	of lib/modules/RELEASE; empty: none
	config=PATH	empty: not known
	build=PATH	to build modules against; only where it is known
	suite=SUITE	of Debian, which has headers to build modules against
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

modules=
while [ $# -gt 0 ]; do
	case $1 in
	--modules) modules=${2-}; shift ;;
	--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || { usage >&2; exit 2; }
spec=$1

# number FILE OFFSET BYTES: little endian, as in the header of a bzImage
number() {
	od -An -v -j "$2" -N "$3" -t "u$3" --endian=little "$1" | tr -d ' '
}

# The release that a bzImage names (Documentation/arch/x86/boot.rst).
release_of() {
	[ "$(dd if="$1" bs=1 skip=514 count=4 2>/dev/null | tr -d '\0')" = HdrS ] ||
		return 1
	dd if="$1" bs=1 skip=$(($(number "$1" 526 2) + 512)) count=128 2>/dev/null |
		tr '\0' '\n' | head -n 1 | cut -d ' ' -f 1
}

print() {
	printf 'release=%s\nbzimage=%s\nboot=%s\nmodules=%s\nconfig=%s\n' "$@"
}

# Unpacked here, a kernel boots 0.6 s (zstd) to 3 s (xz) sooner than if an emulated
# CPU has to do it. QEMU can start such a one if it has the PVH entry.
unpack() {
	grep -qx CONFIG_PVH=y "$1/config" || return 0
	b=$1/bzImage
	start=$((($(number "$b" 497 1) + 1) * 512 + $(number "$b" 584 4)))
	# Its size unpacked is added in four bytes.
	length=$(($(number "$b" 588 4) - 4))
	for tool in zstd xz gzip; do
		! tail -c +$((start + 1)) "$b" | head -c $length | $tool -dc >"$1/vmlinux" 2>/dev/null ||
			return 0
	done
	rm -f "$1/vmlinux"
}

# A root of packages, as kernel_packages() leaves it in the cache.
print_root() {
	root=$1
	set -- "$root"/lib/modules/*
	release=${1##*/}
	boot=$root/vmlinux
	[ -f "$boot" ] || boot=$root/bzImage
	print "$release" "$root/bzImage" "$boot" "$root/lib/modules/$release" "$root/config"
}

# Two layouts: a package of its own under /boot, or split ones under /usr/lib.
arrange() {
	[ -d "$1/lib" ] || mkdir "$1/lib"
	[ -d "$1/lib/modules" ] || mv "$1/usr/lib/modules" "$1/lib/modules"
	for f in "$1"/boot/vmlinuz-* "$1"/lib/modules/*/vmlinuz; do
		[ ! -f "$f" ] || mv "$f" "$1/bzImage"
	done
	for f in "$1"/boot/config-* "$1"/lib/modules/*/config; do
		[ ! -f "$f" ] || mv "$f" "$1/config"
	done
	[ -f "$1/bzImage" ] && [ -f "$1/config" ]
}

# kernel_packages SUITE: the root in the cache
kernel_packages() {
	suite=$1
	kernels=$cache/kernels
	# What the suite had when it was last asked: the name of a root.
	answer=$kernels/debian:$suite
	if [ -n "$(find "$answer" -mmin -1440 2>/dev/null)" ] &&
	   [ -d "$kernels/$(cat "$answer")" ]; then
		echo "$kernels/$(cat "$answer")"
		return
	fi
	mkdir -p "$kernels"
	if ! list=$("$here/archive.sh" --list --with-depends='linux-*' "$suite" - \
			linux-image-amd64); then
		[ -s "$answer" ] && [ -d "$kernels/$(cat "$answer")" ] || exit 2
		echo "kernel.sh: going on with the $suite kernel of $(date -r "$answer" +%F)" >&2
		echo "$kernels/$(cat "$answer")"
		return
	fi
	image=$(echo "$list" | sed -n 's/^\(linux-image-[0-9].*\) .*/\1/p')
	name=$(echo "$list" | sed -n 's/^linux-image-\([0-9].*\) \(.*\)/debian-\1-\2/p')
	case $name in
	debian-*) ;;
	*) die "no kernel is found among the packages of $suite: $list" ;;
	esac
	if [ ! -d "$kernels/$name" ]; then
		tmp=$(mktemp -d "$kernels/tmp.XXXXXX")
		trap 'rm -rf "$tmp"' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM
		echo "kernel.sh: fetching $image from $suite" >&2
		"$here/archive.sh" --with-depends='linux-*[-.]*' "$suite" "$tmp" "$image" || exit 2
		arrange "$tmp" || die "$image has no kernel, or no configuration"
		unpack "$tmp"
		chmod 755 "$tmp"
		# Where another run was faster, its tree is as good; mv puts ours
		# inside that one only if it became a folder in this instant.
		[ -d "$kernels/$name" ] || mv "$tmp" "$kernels/$name"
		rm -rf "$tmp" "${kernels:?}/$name/${tmp##*/}"
		trap - EXIT
	fi
	echo "$name" >"$answer.$$"
	mv "$answer.$$" "$answer"
	echo "$kernels/$name"
}

# module_tree RELEASE DIR: DIR as lib/modules/RELEASE
module_tree() {
	for d in "$2/lib/modules/$1" "$2/usr/lib/modules/$1" "$2/$1" "$2"; do
		[ -d "$d/kernel" ] || [ -f "$d/modules.order" ] || continue
		d=$(cd "$d" && pwd)
		[ "${d##*/}" = "$1" ] || die "the kernel is $1, $2 has modules of ${d##*/}"
		echo "$d"
		return
	done
	others=$(find "$2/lib/modules" "$2/usr/lib/modules" -mindepth 1 -maxdepth 1 2>/dev/null |
		sed 's|.*/||' | paste -sd ' ')
	die "the kernel is $1, $2 has ${others:+modules of }${others:-no modules}"
}

case $spec in
debian:*)
	[ -z "$modules" ] || die "--modules is for a kernel given by its path"
	root=$(kernel_packages "${spec#debian:}")
	print_root "$root"
	echo "suite=${spec#debian:}"
	;;
source:*)
	[ -z "$modules" ] || die "--modules is for a kernel given by its path"
	built=$("$here/source.sh" "${spec#source:}") || exit 2
	echo "$built"
	echo "$built" | sed -n 's/^bzimage=/boot=/p'
	;;
*)
	# A build tree, whose modules are where the build left them.
	if [ -d "$spec" ] && [ -f "$spec/arch/x86/boot/bzImage" ]; then
		build=$(cd "$spec" && pwd)
		spec=$build/arch/x86/boot/bzImage
		if [ -z "$modules" ] && [ -f "$build/modules.order" ]; then
			modules=$cache/trees/$(echo "$build" | sha256sum | cut -c 1-16)
			mkdir -p "$modules"
			make -s -C "$build" INSTALL_MOD_PATH="$modules" INSTALL_MOD_STRIP=1 \
				DEPMOD=true modules_install >&2 ||
				die "the modules of $build cannot be installed in the cache"
		fi
	fi
	[ -f "$spec" ] || die "there is no kernel '$spec' (debian:SUITE, source:VERSION, or the path of a bzImage or a built tree)"
	release=$(release_of "$spec") || die "$spec is no x86 kernel (bzImage)"
	tree=
	[ -z "$modules" ] || tree=$(module_tree "$release" "$modules") || exit 2
	# Where kernels and their builds keep it.
	config=
	for c in "$(dirname "$spec")/config" "$(dirname "$spec")/config-$release" \
		 "$tree/config" "${spec%/arch/x86/boot/bzImage}/.config"; do
		[ -n "$config" ] || [ ! -f "$c" ] || config=$c
	done
	print "$release" "$spec" "$spec" "$tree" "$config"
	[ -z "${build-}" ] || echo "build=$build"
	;;
esac
