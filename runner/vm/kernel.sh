#!/bin/sh
# SPDX-License-Identifier: MIT
#
# From the name of a kernel to its files.
set -eu

usage() {
	cat <<END
usage: kernel.sh [--arch ARCH] [--modules DIR] [--patch FILE]... [--config SYMBOL=VALUE]... SPEC

SPEC is debian:SUITE or debian:SUITE/FLAVOUR (the suite's newest kernel for the
machine ARCH, x86-64 by default, from the archive, cached),
source:VERSION (built by source.sh, cached), the path of a kernel's build tree, or
that of a bzImage; DIR has that one's modules (an INSTALL_MOD_PATH, or
lib/modules/RELEASE itself). With patches or another configuration it is built again, by
source.sh, from source:VERSION or a copy of the tree. Prints, a line each:
	release=RELEASE
	bzimage=PATH
	boot=PATH	of what QEMU is to start: that, or what is packed in it
	modules=PATH	of lib/modules/RELEASE; empty: none
	config=PATH	empty: not known
	build=PATH	to build modules against; only where it is known
	suite=SUITE	of Debian, which has headers to build modules against
	arch=ARCH	without it: x86-64
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

arch=x86-64
modules=
# Of source.sh, a word a line.
changes=
while [ $# -gt 0 ]; do
	case $1 in
	--arch) arch=${2-}; shift ;;
	--modules) modules=${2-}; shift ;;
	--patch | --config)
		changes="$changes$1
${2-}
"
		shift
		;;
	--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || { usage >&2; exit 2; }
spec=$1
machine "$here" "$arch"

print() {
	printf 'release=%s\nbzimage=%s\nboot=%s\nmodules=%s\nconfig=%s\n' "$@"
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
	for f in "$1"/boot/vmlinu[xz]-* "$1"/lib/modules/*/vmlinuz; do
		[ ! -f "$f" ] || mv "$f" "$1/bzImage"
	done
	for f in "$1"/boot/config-* "$1"/lib/modules/*/config; do
		[ ! -f "$f" ] || mv "$f" "$1/config"
	done
	[ -f "$1/bzImage" ] && [ -f "$1/config" ]
}

# kernel_packages SUITE[/FLAVOUR]: the root in the cache
kernel_packages() {
	suite=${1%%/*}
	flavour=${1#"$suite"}
	package=$(kernel_package "${flavour#/}") || exit 2
	kernels=$cache/kernels
	# What the suite had when it was last asked: the name of a root.
	answer=$kernels/debian:$suite
	[ "$package" = linux-image-amd64 ] || answer=$answer:${package#linux-image-}
	if [ -n "$(find "$answer" -mmin -1440 2>/dev/null)" ] &&
	   [ -d "$kernels/$(cat "$answer")" ]; then
		echo "$kernels/$(cat "$answer")"
		return
	fi
	mkdir -p "$kernels"
	if ! list=$("$here/archive.sh" --arch "$debian" --list --with-depends='linux-*' \
			"$suite" - "$package"); then
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
		new_in "$kernels"
		trap 'rm -rf "$new"' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM
		echo "kernel.sh: fetching $image from $suite" >&2
		"$here/archive.sh" --arch "$debian" --with-depends='linux-*[-.]*' \
			"$suite" "$new" "$image" || exit 2
		arrange "$new" || die "$image has no kernel, or no configuration"
		unpack "$new"
		chmod 755 "$new"
		# Where another run was faster, its tree is as good; mv puts ours
		# inside that one only if it became a folder in this instant.
		[ -d "$kernels/$name" ] || mv "$new" "$kernels/$name"
		rm -rf "$new" "${kernels:?}/$name/${new##*/}"
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

# build SPEC: what source.sh made of it, with the changes
build() {
	[ -z "$modules" ] || die "--modules is for a kernel given by its path"
	built=$(IFS='
'
		set -f
		# shellcheck disable=SC2086 # a word a line
		"$here/source.sh" --arch "$arch" $changes "$1") || exit 2
	echo "$built"
	echo "$built" | sed -n 's/^bzimage=/boot=/p'
}

case $spec in
debian:*)
	[ -z "$changes" ] || die "Debian's kernel is not built here: patch source:VERSION, or a tree"
	[ -z "$modules" ] || die "--modules is for a kernel given by its path"
	root=$(kernel_packages "${spec#debian:}")
	print_root "$root"
	spec=${spec#debian:}
	echo "suite=${spec%%/*}"
	;;
source:*) build "${spec#source:}" ;;
*)
	if [ -n "$changes" ]; then
		[ -d "$spec" ] || die "to change a kernel takes its tree, not '$spec'"
		build "$spec"
		exit 0
	fi
	# A build tree, whose modules are where the build left them.
	if [ -d "$spec" ] && [ -f "$spec/$tree_image" ]; then
		build=$(cd "$spec" && pwd)
		spec=$build/$tree_image
		if [ -z "$modules" ] && [ -f "$build/modules.order" ]; then
			modules=$cache/trees/$(echo "$build" | sha256sum | cut -c 1-16)
			mkdir -p "$modules"
			make -s -C "$build" INSTALL_MOD_PATH="$modules" INSTALL_MOD_STRIP=1 \
				DEPMOD=true modules_install >&2 ||
				die "the modules of $build cannot be installed in the cache"
		fi
	fi
	[ -f "$spec" ] || die "there is no kernel '$spec' (debian:SUITE, source:VERSION, or the path of a bzImage or a built tree)"
	release=$(release_of "$spec") || die "$spec is no $arch kernel (${tree_image##*/})"
	tree=
	[ -z "$modules" ] || tree=$(module_tree "$release" "$modules") || exit 2
	# Where kernels and their builds keep it.
	config=
	for c in "$(dirname "$spec")/config" "$(dirname "$spec")/config-$release" \
		 "$tree/config" "${spec%"/$tree_image"}/.config"; do
		[ -n "$config" ] || [ ! -f "$c" ] || config=$c
	done
	print "$release" "$spec" "$spec" "$tree" "$config"
	[ -z "${build-}" ] || echo "build=$build"
	;;
esac
echo "arch=$arch"
