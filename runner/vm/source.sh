#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A small kernel of the lab's own configuration, built from Debian's source; or a
# kernel, that one or a tree's, with patches and another configuration.
set -eu

usage() {
	cat <<END
usage: source.sh [--arch ARCH] [--patch FILE]... [--config SYMBOL=VALUE]... VERSION
       source.sh [--arch ARCH] [--patch FILE]... [--config SYMBOL=VALUE]... TREE

Builds a kernel from the package linux-source-VERSION (6.1, 6.12, 7.2, ...) with
kernel.config and kernel-ARCH.config, in about ten minutes on two CPUs, and keeps it in
the cache by VERSION and configuration, with its tree (2 GB), from which the next one is
built: to have it of newer source, remove what is printed here.

  --arch ARCH       for which machine: x86-64 (default), or arm64 or armhf, by the cross
                    compiler
  --patch FILE      applied (-p1) to a copy of what was built, in which only what it
                    changes is built again; kept by the patches' content
  --config SYMBOL=VALUE
                    y, m, n or a value; one that the source does not know, or that does
                    not survive olddefconfig, is an error

TREE is a tree in which a kernel was configured and, better, built. It is left as it
is: the copy is built. Prints, a line each:
	release=RELEASE
	bzimage=PATH
	modules=PATH	of lib/modules/RELEASE
	config=PATH
	build=PATH	to build modules against
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

say() {
	echo "source.sh: $*" >&2
}

arch=x86-64
patches=
config=
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--arch) arch=${2-}; shift ;;
	--patch)
		[ -f "${2-}" ] || die "there is no patch '${2-}'"
		[ -s "$2" ] || die "$2 is empty"
		patches="$patches$(realpath "$2")
"
		shift
		;;
	--config)
		case ${2-} in
		[A-Za-z0-9_]*=?*) ;;
		*) die "--config takes SYMBOL=VALUE, not '${2-}'" ;;
		esac
		config="$config${2#CONFIG_}
"
		shift
		;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || { usage >&2; exit 2; }
machine "$here" "$arch"
version=
tree=
if [ -d "$1" ]; then
	tree=$(cd "$1" && pwd)
	[ -f "$tree/.config" ] && [ -f "$tree/Kbuild" ] ||
		die "$tree is no source tree that a kernel was configured in (make O=... is not for this)"
else
	version=$1
	case $version in
	*[!0-9.]* | [!0-9]* | *[!0-9] | *..*) die "'$version' is no version of a linux-source package (6.1, 7.2)" ;;
	*.*) ;;
	*) die "'$version' is no version of a linux-source package (6.1, 7.2)" ;;
	esac
fi

PATH=$PATH:/usr/sbin:/sbin
kernels=$cache/kernels
fragments="$here/kernel.config $here/kernel-$arch.config"
[ -n "$tree" ] || [ -f "$here/kernel-$arch.config" ] || die "no kernel is built from source for $arch, but from a tree"
export LC_ALL=C

# each FILE...: what they hold, in this order
each() {
	printf '%s' "$patches" | while read -r p; do
		cat "$p"
	done
}
# What the tree is: its kernel, and what was changed since that was built.
state() {
	echo "$tree"
	cat "$tree/.config"
	if [ -f "$tree/$tree_image" ]; then
		sha256sum "$tree/$tree_image"
		find "$tree" -path "$tree/.git" -prune -o -type f -newer "$tree/$tree_image" \
			\( -name '*.[chS]' -o -name 'Makefile*' -o -name 'K[bc]*' \) -print0 |
			sort -z | xargs -0r cat
	fi
}
digest() {
	sha256sum | cut -c 1-12
}
if [ -n "$tree" ]; then
	what=$tree
	base=
	name=tree-$({ state; echo "$config"; each; } | digest)
else
	what=linux-source-$version
	# What counts are the symbols, not what is said of them.
	# shellcheck disable=SC2086 # a word each
	base=source-$version-${cross:+$arch-}$({ grep -h CONFIG_ $fragments; printf '%s' "$config"; } | digest)
	name=$base${patches:+-$(each | digest)}
fi

print() {
	set -- "$kernels/$name/lib/modules/"*
	cat <<END
release=${1##*/}
bzimage=$kernels/$name/bzImage
modules=$1
config=$kernels/$name/config
build=$kernels/$name/build
END
}

mkdir -p "$kernels" || die "no cache can be made in $kernels"
kernels=$(cd "$kernels" && pwd)
if [ -d "$kernels/$name" ]; then
	print
	exit 0
fi

# COMMAND PACKAGE a line
missing=$(while read -r tool package; do
	command -v "$tool" >/dev/null || echo "$package"
done <<END
${cross}gcc gcc${cross:+-${cross%-}}
${cross}ld binutils${cross:+-${cross%-}}
gcc gcc
make make
flex flex
bison bison
bc bc
perl perl
patch patch
xz xz-utils
lz4 lz4
depmod kmod
END
	echo '#include <libelf.h>' | gcc -E - >/dev/null 2>&1 || echo libelf-dev)
[ -z "$missing" ] ||
	die "to build a kernel, install: $(echo "$missing" | sort -u | tr '\n' ' ')"

suite=
if [ -n "$version" ] && [ "$name" = "$base" ]; then
	# Of the suites, the oldest one that has it.
	for s in bookworm trixie sid experimental; do
		why=$("$here/archive.sh" --list $s - "linux-source-$version" 2>&1 >/dev/null) && suite=$s && break
		case $why in
		*'has no package'* | *'has no suite'*) ;;
		*) die "$s cannot be asked for linux-source-$version: $why" ;;
		esac
	done
	[ -n "$suite" ] || die "no suite of the archive has linux-source-$version"
elif [ -n "$version" ]; then
	# The one without the patches, whose tree is copied.
	set -- --arch "$arch" "$version"
	while read -r line; do
		[ -z "$line" ] || set -- --config "$line" "$@"
	done <<END
$config
END
	"$0" "$@" >/dev/null || exit 2
	tree=$kernels/$base/build
	[ -f "$tree/.lab" ] || die "$kernels/$base was built without its tree, which is to be copied now: remove it"
fi

# One builds, others wait for it.
exec 9>"$kernels/$name.lock"
if ! flock -n 9; then
	say "another one builds this kernel, waiting"
	flock 9
	if [ -d "$kernels/$name" ]; then
		print
		exit 0
	fi
fi

# What one left that was killed.
rm -rf "$kernels/$name".tmp.*
tmp=$(mktemp -d "$kernels/$name.tmp.XXXXXX")
log=$kernels/$name.log
make_pid=
end() {
	trap '' INT TERM HUP
	# A group of its own: all that it started.
	[ -z "$make_pid" ] || kill -- "-$make_pid" 2>/dev/null || :
	[ -z "$make_pid" ] || wait "$make_pid" 2>/dev/null || :
	# Which takes a while, where disks are slow.
	[ ! -d "$tmp/tree" ] || say "removing what was begun"
	rm -rf "$tmp"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The machine's own ideas of a kernel stay out of it.
unset ARCH CROSS_COMPILE KCONFIG_CONFIG KCONFIG_ALLCONFIG KBUILD_OUTPUT KCFLAGS LOCALVERSION \
      MAKEFLAGS INSTALL_MOD_PATH || :
if [ -n "$version" ]; then
	export KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab
fi
# As the kernel calls it.
ARCH=${tree_image#arch/}
export ARCH="${ARCH%%/*}" CROSS_COMPILE="$cross"

# run WHAT TARGET...: make, and how far it is
run() {
	doing=$1
	shift
	setsid make -j"$(nproc)" "$@" >>"$log" 2>&1 </dev/null 9>&- &
	make_pid=$!
	started=$(date +%s)
	told=$started
	while kill -0 "$make_pid" 2>/dev/null; do
		sleep 1
		now=$(date +%s)
		[ $((now - told)) -ge 15 ] || continue
		told=$now
		say "$doing: $(awk -v s=$((now - started)) -v here="$PWD/" '
			$1 ~ /^(CC|AS)$/ { n++; f = $NF }
			END {
				sub("/[^/]*$", "", f)
				if (index(f, here) == 1)
					f = substr(f, length(here) + 1)
				printf "%d files in %d:%02d min, now in %s", n, s / 60, s % 60, f
			}' "$log")"
	done
	rc=0
	wait "$make_pid" || rc=$?
	make_pid=
	[ $rc -eq 0 ] || {
		grep -E -B 2 -A 8 'error|Error|\*\*\*' "$log" | head -n 40 >&2
		die "$doing failed, see $log"
	}
}

# Copies $tree so that make finds nothing to do in the copy, but for what is changed there.
copy() {
	mkdir "$tmp/tree"
	if [ -f "$tree/.lab" ]; then
		# Of ours it is known what make wrote. All else is shared: patch gives a file
		# that it changes a new inode.
		(cd "$tree" && find . \( -newer .lab -o ! -type f \) -print0 |
			tar --format=posix --no-recursion --null -T - -cf -) | tar -C "$tmp/tree" -xf - &&
		(cd "$tree" && find . -type f ! -newer .lab -print0 |
			cpio -0pdlm --quiet "$tmp/tree") || die "$tree cannot be copied"
	else
		for f in "$tree"/* "$tree"/.[!.]*; do
			[ "$f" = "$tree/.git" ] || cp -a --reflink=auto "$f" "$tmp/tree/"
		done
	fi
	cd "$tmp/tree"
	# Only the tools' makefiles know where they are. If they were built again, so would
	# be all objects, which objtool has a look at.
	was=$(cat .lab 2>/dev/null || echo "$tree")
	grep -rlZ --include='*.cmd' -F "$was/" tools 2>/dev/null |
		xargs -0r sed -i "s|$was/|$PWD/|g"
}

# The symbols of FILE that did not come through, with what they depend on; fails where
# there are any. known: one that the source does not know is passed over.
check_config() {
	: >"$tmp/lost"
	while IFS='=' read -r symbol value; do
		case $value in
		n) ! grep -qE "^CONFIG_$symbol=" .config || echo "$symbol=n: something selects it" >>"$tmp/lost"; continue ;;
		esac
		! grep -qxF "CONFIG_$symbol=$value" .config || continue
		# A module that something builds into the kernel is there, too.
		[ "$value" != m ] || ! grep -qx "CONFIG_$symbol=y" .config || continue
		if grep -qx "$symbol" "$tmp/known"; then
			echo "$symbol=$value: $(find . -name 'Kconfig*' -exec \
				sed -n "/^[[:space:]]*\(menu\)\{0,1\}config $symbol\$/,/^\$/s/^[[:space:]]*\(depends on .*\)/\1/p" {} + |
				paste -sd ';')" >>"$tmp/lost"
		elif [ "${2-}" = known ]; then
			echo "$symbol" >>"$tmp/unknown"
		else
			echo "$symbol: $what has no such symbol" >>"$tmp/lost"
		fi
	done <"$1"
	[ ! -s "$tmp/lost" ]
}
olddefconfig() {
	make -s olddefconfig >>"$log" 2>&1 || die "make olddefconfig failed, see $log"
}

: >"$log"
if [ -n "$suite" ]; then
	say "fetching linux-source-$version from $suite"
	"$here/archive.sh" "$suite" "$tmp/package" "linux-source-$version" 9>&- || exit 2
	say "unpacking it"
	mkdir "$tmp/tree"
	tar -xf "$tmp/package/usr/src/linux-source-$version.tar.xz" -C "$tmp/tree" --strip-components=1 ||
		die "the source of linux-source-$version does not unpack"
	rm -rf "$tmp/package"
	cd "$tmp/tree"
	# What is newer was made here.
	echo "$PWD" >.lab
	make -s tinyconfig >>"$log" 2>&1 || die "make tinyconfig failed, see $log"
	# shellcheck disable=SC2086 # a word each
	cat $fragments >>.config
else
	say "copying $tree"
	copy
	printf '%s' "$patches" | while read -r p; do
		patch -p1 -N --batch --no-backup-if-mismatch -r - <"$p" >"$tmp/patch" 2>&1 || {
			grep -v ' succeeded' "$tmp/patch" >&2
			die "$p does not apply to $what"
		}
	done || exit 2
fi
printf '%s' "$config" >"$tmp/asked"
sed 's/^\([^=]*\)=n$/# CONFIG_\1 is not set/; t; s/^/CONFIG_/' "$tmp/asked" >>.config
# A patch may be to a Kconfig.
olddefconfig
grep -rhE --include='Kconfig*' '^[[:space:]]*(menu)?config[[:space:]]' . |
	awk '{ print $2 }' | sort -u >"$tmp/known"
check_config "$tmp/asked" ||
	die "$what cannot be had with this configuration:
$(cat "$tmp/lost")"
# All that this version knows must have come through.
if [ -n "$suite" ]; then
	cut -d = -f 1 "$tmp/asked" >"$tmp/symbols"
	# shellcheck disable=SC2086 # a word each
	# What comes last counts.
	sed -n 's/^# CONFIG_\([A-Z0-9a-z_]*\) is not set/\1/p; s/^CONFIG_\([A-Z0-9a-z_]*=.*\)/\1/p' $fragments |
		awk -F = '
			FILENAME == ARGV[1] { asked[$0]; next }
			!($1 in asked) { line[$1] = $0 }
			END { for (s in line) if (line[s] != s) print line[s] }' "$tmp/symbols" - >"$tmp/wanted"
	: >"$tmp/unknown"
	check_config "$tmp/wanted" known ||
		die "linux-source-$version knows these, but something that they depend on is missing in $fragments:
$(cat "$tmp/lost")"
	[ ! -s "$tmp/unknown" ] || say "not in $version: $(tr '\n' ' ' <"$tmp/unknown")"
fi

run "building $what" "${tree_image##*/}" modules
say "building $what: done, $(grep -cE '^  (CC|AS) ' "$log") files"

out=$tmp/out
mkdir -p "$out"
make -s modules_install INSTALL_MOD_PATH="$out" >>"$log" 2>&1 ||
	die "make modules_install failed, see $log"
rm -f "$out"/lib/modules/*/build "$out"/lib/modules/*/source
cp "$tree_image" "$out/bzImage"
cp .config "$out/config"
# From a copy nothing else is made but modules: headers, makefiles, scripts and tools do.
[ -n "$suite" ] ||
	find . -type f \( -name '*.[oac]' -o -name '*.S' -o -name '*.ko' -o -name '.*.cmd' -o -name 'vmlinux*' \) \
		! -path './scripts/*' ! -path './tools/*' -delete
cd "$kernels"
mv "$tmp/tree" "$out/build"
# What is left must do, so prove it.
mkdir "$tmp/empty"
printf '#include <linux/module.h>\nMODULE_DESCRIPTION("");\nMODULE_LICENSE("GPL");\n' >"$tmp/empty/empty.c"
echo 'obj-m := empty.o' >"$tmp/empty/Kbuild"
make -s -C "$out/build" M="$tmp/empty" modules >>"$log" 2>&1 ||
	die "no module can be built against the tree, see $log"

chmod 755 "$out"
mv "$out" "$kernels/$name"
print
