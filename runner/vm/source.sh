#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A small kernel of the lab's own configuration, built from Debian's source.
set -eu

usage() {
	cat <<END
usage: source.sh VERSION

Builds a kernel from the package linux-source-VERSION (6.1, 6.12, 7.2, ...) with
runner/vm/kernel.config, in about ten minutes on two CPUs, and keeps it in the
cache by VERSION and configuration: to have it of newer source, remove what is
printed here. Prints, a line each:
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

case ${1-} in
--help) usage; exit 0 ;;
esac
[ $# -eq 1 ] || { usage >&2; exit 2; }
version=$1
case $version in
*[!0-9.]* | [!0-9]* | *[!0-9] | *..*) die "'$version' is no version of a linux-source package (6.1, 7.2)" ;;
*.*) ;;
*) die "'$version' is no version of a linux-source package (6.1, 7.2)" ;;
esac

PATH=$PATH:/usr/sbin:/sbin
kernels=$cache/kernels
fragment=$here/kernel.config
export LC_ALL=C

# What counts are the symbols, not what is said of them.
hash=$(grep CONFIG_ "$fragment" | sha256sum | cut -c 1-12)
name=source-$version-$hash

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
gcc gcc
ld binutils
make make
flex flex
bison bison
bc bc
perl perl
xz xz-utils
lz4 lz4
depmod kmod
END
	echo '#include <libelf.h>' | gcc -E - >/dev/null 2>&1 || echo libelf-dev)
[ -z "$missing" ] ||
	die "to build a kernel, install: $(echo "$missing" | tr '\n' ' ')"

# Of the suites, the oldest one that has it.
suite=
for s in bookworm trixie sid experimental; do
	why=$("$here/archive.sh" --list $s - "linux-source-$version" 2>&1 >/dev/null) && suite=$s && break
	case $why in
	*'has no package'* | *'has no suite'*) ;;
	*) die "$s cannot be asked for linux-source-$version: $why" ;;
	esac
done
[ -n "$suite" ] || die "no suite of the archive has linux-source-$version"

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
	rm -rf "$tmp"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

say "fetching linux-source-$version from $suite"
"$here/archive.sh" "$suite" "$tmp/package" "linux-source-$version" 9>&- || exit 2
say "unpacking it"
mkdir "$tmp/tree"
tar -xf "$tmp/package/usr/src/linux-source-$version.tar.xz" -C "$tmp/tree" --strip-components=1 ||
	die "the source of linux-source-$version does not unpack"
rm -rf "$tmp/package"
cd "$tmp/tree"

# The machine's own ideas of a kernel stay out of it.
unset ARCH CROSS_COMPILE KCONFIG_CONFIG KCONFIG_ALLCONFIG KBUILD_OUTPUT KCFLAGS LOCALVERSION \
      MAKEFLAGS INSTALL_MOD_PATH || :
export KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab

# run WHAT TARGET...: make, and how far it is
run() {
	what=$1
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
		say "$what: $(awk -v s=$((now - started)) -v here="$PWD/" '
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
		die "$what failed, see $log"
	}
}

: >"$log"
make -s tinyconfig >>"$log" 2>&1 || die "make tinyconfig failed, see $log"
cat "$fragment" >>.config
make -s olddefconfig >>"$log" 2>&1 || die "make olddefconfig failed, see $log"

# All that this version knows must have come through.
grep -rhE --include='Kconfig*' '^[[:space:]]*(menu)?config[[:space:]]' . |
	awk '{ print $2 }' | sort -u >"$tmp/known"
sed -n 's/^CONFIG_\([A-Z0-9a-z_]*\)=\(.*\)/\1 \2/p' "$fragment" >"$tmp/wanted"
while read -r symbol value; do
	grep -qxF "CONFIG_$symbol=$value" .config && continue
	# A module that something builds into the kernel is there, too.
	[ "$value" != m ] || ! grep -qx "CONFIG_$symbol=y" .config || continue
	if grep -qx "$symbol" "$tmp/known"; then
		echo "CONFIG_$symbol=$value" >>"$tmp/lost"
	else
		echo "$symbol" >>"$tmp/unknown"
	fi
done <"$tmp/wanted"
[ ! -s "$tmp/unknown" ] || say "not in $version: $(tr '\n' ' ' <"$tmp/unknown")"
[ ! -s "$tmp/lost" ] ||
	die "linux-source-$version knows these, but something that they depend on is missing in $fragment:
$(cat "$tmp/lost")"

run "building $version" bzImage modules
say "building $version: done, $(grep -cE '^  (CC|AS) ' "$log") files"

out=$tmp/out
mkdir -p "$out/build/tools/objtool"
make -s modules_install INSTALL_MOD_PATH="$out" >>"$log" 2>&1 ||
	die "make modules_install failed, see $log"
rm -f "$out"/lib/modules/*/build "$out"/lib/modules/*/source
cp arch/x86/boot/bzImage "$out/bzImage"
cp .config "$out/config"

# Of 2 GB, what it takes to build a module: headers, makefiles, scripts, tools.
find arch/x86 -type f ! -name '*.h' ! -name 'Makefile*' ! -name 'Kbuild*' -delete
mkdir "$out/build/arch"
mv arch/x86 "$out/build/arch/"
mv .config Makefile Kbuild Kconfig Module.symvers include scripts "$out/build/"
mv tools/objtool/objtool "$out/build/tools/objtool/"
find "$out/build/scripts" -name '*.o' -delete
# Made by hand, so prove it.
mkdir "$tmp/empty"
printf '#include <linux/module.h>\nMODULE_DESCRIPTION("");\nMODULE_LICENSE("GPL");\n' >"$tmp/empty/empty.c"
echo 'obj-m := empty.o' >"$tmp/empty/Kbuild"
make -s -C "$out/build" M="$tmp/empty" modules >>"$log" 2>&1 ||
	die "no module can be built against the tree, see $log"

chmod 755 "$out"
cd "$kernels"
mv "$out" "$kernels/$name"
print
