#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A module from its source, for the kernel that is booted.
set -eu

usage() {
	cat <<END
usage: kmod.sh KERNEL SRC OUT

Builds the kernel modules of the folder SRC (a Kbuild or Makefile with obj-m) and
puts them in the folder OUT; prints their paths, one a line. KERNEL is a file with
what kernel.sh or source.sh printed, or - for the standard input. What it builds
against is build=PATH there, or else the package linux-headers-RELEASE of the
suite that the kernel came from (suite=NAME, or what kernel.sh remembers). Both
these headers and the modules are kept in the cache. For another machine (arch=ARCH)
the cross compiler builds them.
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1-} in
--help) usage; exit 0 ;;
esac
[ $# -eq 3 ] || { usage >&2; exit 2; }
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

[ -d "$2" ] || die "there is no folder '$2'"
[ -f "$2/Kbuild" ] || [ -f "$2/Makefile" ] || die "$2 has no Kbuild and no Makefile"
src=$(cd "$2" && pwd)
out=$3
for tool in gcc:gcc make:make modinfo:kmod; do
	command -v "${tool%:*}" >/dev/null || die "to build a module, install ${tool#*:}"
done

tmp=$(mktemp -d)
clean=
trap 'rm -rf "$tmp" ${clean:+"$clean"}' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cat -- "$1" >"$tmp/kernel" || die "there is no description of a kernel in $1"
field() {
	sed -n "s/^$1=//p" "$tmp/kernel"
}
release=$(field release)
[ -n "$release" ] || die "$1 names no release"
arch=$(field arch)
machine "$here" "${arch:-x86-64}"
command -v "${cross}gcc" >/dev/null || die "to build a module for $arch, install ${cross}gcc"
build=$(field build)

mkdir -p "$cache/headers" "$cache/modules" || die "no cache can be made in $cache"
cache=$(cd "$cache" && pwd)

# What of SRC goes into a build, what links lead to as well.
sources() {
	(cd "$src" && find -L . -type f ! -name '*.o' ! -name '*.ko' ! -name '*.mod' \
		! -name '*.mod.c' ! -name '.*' ! -name Module.symvers ! -name modules.order |
		sort)
}
hash=$({
	cat "$0"
	"${cross}gcc" -dumpfullversion
	echo "$build"
	[ -z "$build" ] || stat -c %Y "$build/Module.symvers" 2>/dev/null || :
	sources
	sources | (cd "$src" && tr '\n' '\0' | xargs -0r cat)
} | sha256sum | cut -c 1-16)
modules=$cache/modules/$release-$hash

give() {
	mkdir -p "$out"
	for ko in "$modules"/*.ko; do
		cp "$ko" "$out/"
		echo "$out/${ko##*/}"
	done
}

if [ -d "$modules" ]; then
	give
	exit 0
fi

# Which suite a packaged kernel is of: the one whose newest kernel this was when
# kernel.sh last asked.
suite_of() {
	suite=$(field suite)
	root=$(field bzimage)
	root=$(basename "$(dirname "${root:-/-/-}")")
	for answer in "$cache/kernels/debian:"*; do
		[ -z "$suite" ] && [ -f "$answer" ] && [ "$(cat "$answer")" = "$root" ] || continue
		suite=${answer##*/debian:}
		suite=${suite%%:*}
	done
	[ -n "$suite" ] || die "to build a module for $release it takes its headers, and it is not known where it is from: give a debian:SUITE, a source:VERSION, or a build tree"
}

# The headers' tools are linked with the C library of their suite, and may be too
# new for this machine's: then they run with that one.
adopt_tools() {
	find "$1" -path "*/linux-kbuild-*" -type f -perm -u+x | while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		! ldd "$f" 2>&1 | grep -q 'not found' || echo "$f"
	done >"$tmp/foreign"
	[ -s "$tmp/foreign" ] || return 0

	libraries=$("$here/archive.sh" --list --with-depends "$suite" - "$kbuild" |
		sed -n 's/^\(libc6\|libelf1[^ ]*\|libssl3[^ ]*\|libzstd1\|zlib1g\) .*/\1/p') || exit 2
	# shellcheck disable=SC2086 # a word each
	"$here/archive.sh" "$suite" "$1/libc" $libraries || exit 2
	ld=$(find "$1/libc" -name 'ld-linux-x86-64.so.2' -type f -o -name 'ld-linux-x86-64.so.2' -type l |
		grep '/x86_64-linux-gnu/' | head -n 1)
	[ -n "$ld" ] || die "the tools of linux-headers-$release do not run here, and $suite gives no C library to run them with: use a kernel of this machine's own suite or older, or source:VERSION"
	lib=$(dirname "$ld")
	while read -r f; do
		mv "$f" "$f.real"
		cat >"$f" <<END
#!/bin/sh
exec "$headers${ld#"$1"}" --library-path "$headers${lib#"$1"}" "$headers${f#"$1"}.real" "\$@"
END
		chmod 755 "$f"
	done <"$tmp/foreign"
}

# Sets $headers: an unpacked linux-headers-RELEASE whose paths are right.
fetch_headers() {
	headers=$cache/headers/$release
	[ ! -d "$headers" ] || return 0
	suite_of
	echo "kmod.sh: fetching linux-headers-$release from $suite" >&2
	new_in "$cache/headers"
	clean=$new
	"$here/archive.sh" --arch "$debian" --with-depends='linux-[hk]*' "$suite" "$new" \
		"linux-headers-$release" ||
		die "without its headers no module can be built for $release; where the archive has gone on, fetch the newest kernel (remove $cache/kernels/debian:$suite), or give a source:VERSION"
	kbuild=$("$here/archive.sh" --arch "$debian" --list --with-depends='linux-kbuild-*' \
		"$suite" - "linux-headers-$release" | sed 's/ .*//') || exit 2
	[ -n "$kbuild" ] || exit 2
	# Another machine's tools do not run here, and this one's can build for it.
	[ -z "$cross" ] || "$here/archive.sh" "$suite" "$new" "$kbuild" || exit 2
	adopt_tools "$new"
	for f in "$new"/usr/src/linux-headers-*/Makefile; do
		sed -i "s|\([ =]\)/usr/src/|\1$headers/usr/src/|g" "$f"
	done
	chmod 755 "$new"
	# Where another run was faster, its tree is as good.
	[ -d "$headers" ] || mv "$new" "$headers"
	rm -rf "$new" "$headers/${new##*/}"
	clean=
}

# As the compiler's name has the version that its suite had, and it may have been newer.
make_cc() {
	cat >"$tmp/cc" <<END
#!/bin/sh
# gcc, without the options that it is too old for.
gcc=${cross}gcc
END
	cat >>"$tmp/cc" <<'END'
while :; do
	rc=0
	said=$(LC_ALL=C $gcc "$@" 2>&1) || rc=$?
	[ $rc -ne 0 ] || break
	option=$(printf '%s\n' "$said" |
		sed -n "s/.*: unrecognized command-line option '\([^']*\)'.*/\1/p" | head -n 1)
	with=$option
	case $gcc$option in
	*gcc) break ;;
	# Where the guard would be instead, this kernel has none.
	*-mstack-protector-guard*) set -- "$@" -fno-stack-protector ;;
	# Its ftrace writes in front of functions, and dies where they are not aligned.
	aarch64*-fmin-function-alignment*) with='-fpatchable-function-entry*' ;;
	esac
	for word; do
		shift
		# shellcheck disable=SC2254 # a pattern
		case $word in
		"$option" | $with) ;;
		*) set -- "$@" "$word" ;;
		esac
	done
done
[ -z "$said" ] || printf '%s\n' "$said" >&2
exit $rc
END
	chmod 755 "$tmp/cc"
}

if [ -n "$build" ]; then
	[ -f "$build/Module.symvers" ] && [ -f "$build/include/config/auto.conf" ] ||
		die "$build is no tree that a kernel was built in (make bzImage modules)"
	set --
else
	fetch_headers
	build=$headers/usr/src/linux-headers-$release
	[ -d "$build" ] || die "linux-headers-$release has no /usr/src/linux-headers-$release"
	make_cc
	# No BTF: that takes pahole.
	set -- CC="$tmp/cc" CONFIG_DEBUG_INFO_BTF_MODULES=
fi
if [ -n "$cross" ]; then
	# As the kernel calls it.
	karch=${tree_image#arch/}
	set -- ARCH="${karch%%/*}" CROSS_COMPILE="$cross" "$@"
fi

# A driver of the tree itself finds its neighbours ("../foo.h") where they are there.
at=$tmp/src
case $src/ in
"$build"/*/)
	above=$build
	rest=${src#"$build"/}
	while [ -n "$rest" ]; do
		step=${rest%%/*}
		rest=${rest#"$step"}
		rest=${rest#/}
		mkdir "$at"
		for f in "$above"/*; do
			[ "${f##*/}" = "$step" ] || ln -s "$f" "$at/"
		done
		above=$above/$step
		at=$at/$step
	done
	;;
esac
mkdir "$at"
sources | (cd "$src" && tar -chf - -T -) | tar -C "$at" -xf -
unset ARCH CROSS_COMPILE KBUILD_OUTPUT KCFLAGS MAKEFLAGS KBUILD_EXTRA_SYMBOLS || :
# Warnings name the file, not the folder that it was built in.
make -C "$build" M="$at" "$@" KCFLAGS="-fmacro-prefix-map=$at/=" modules \
	>"$tmp/log" 2>&1 </dev/null || {
	grep -E -A 4 'error|Error|ERROR|\*\*\*|not found' "$tmp/log" | sed "s|$at/||g" | head -n 40 >&2
	die "$src does not build for $release"
}
grep -A 4 "^$at/.*warning: " "$tmp/log" | sed "s|$at/||g" >&2 || :

# A driver may have modules in folders below.
IFS='
'
# shellcheck disable=SC2046 # a line each
set -- $(find "$at" -name '*.ko')
unset IFS
[ $# -gt 0 ] || die "$src builds, but makes no module"
for ko; do
	is=$(modinfo -F vermagic "$ko")
	[ "${is%% *}" = "$release" ] || die "what was built is for ${is%% *}, not for $release"
done
mkdir "$tmp/modules"
cp "$@" "$tmp/modules/"
# Modules come and go.
find "$cache/modules" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
new_in "$cache/modules"
clean=$new
cp "$@" "$new/"
chmod 755 "$new"
[ -d "$modules" ] || mv "$new" "$modules"
rm -rf "$new" "$modules/${new##*/}"
clean=
give
