#!/bin/sh
# SPDX-License-Identifier: MIT
#
# runner/vm/source.sh on a tree of five files, which answers to what it asks of a kernel's.
set -u

case ${1-} in
--help) echo "usage: check-source.sh: prints \"ok ...\" or \"FAILED ...\" lines"; exit 0 ;;
esac
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0
# say WHAT COMMAND...
say() {
	what=$1
	shift
	if "$@"; then
		echo "ok $what"
	else
		failed=1
		echo "FAILED $what"
		sed 's/^/  /' "$work/said"
	fi
}

tree=$work/package/linux-source-9.9
mkdir -p "$tree" "$work/vm/machines"
cp "$top"/runner/vm/*.sh "$work/vm/"
cp "$top"/runner/vm/machines/* "$work/vm/machines/"
printf 'CONFIG_PLAIN=y\nCONFIG_NOT_YET=y\n' >"$work/vm/kernel.config"
: >"$work/vm/kernel-x86-64.config"
printf 'CONFIG_MORE=y\nCONFIG_NEEDS=y\n# CONFIG_NEEDS is not set\n' >"$work/vm/kernel-arm64.config"
# What it is asked with, for another machine.
cat >"$work/aarch64-linux-gnu-gcc" <<'END'
#!/bin/sh
END
cp "$work/aarch64-linux-gnu-gcc" "$work/aarch64-linux-gnu-ld"
chmod 755 "$work/aarch64-linux-gnu-gcc" "$work/aarch64-linux-gnu-ld"
PATH=$work:$PATH
# The archive, which has this package.
cat >"$work/vm/archive.sh" <<END
#!/bin/sh
[ "\$1" != --list ] || exit 0
mkdir -p "\$2/usr/src"
tar -cJf "\$2/usr/src/linux-source-9.9.tar.xz" -C "$work/package" linux-source-9.9
END
cat >"$tree/Makefile" <<'END'
tinyconfig:
	: >.config
# Of each symbol the last line, if it is known and what it depends on is there.
olddefconfig:
	sed -n 's/^CONFIG_\([A-Z_]*\)=.*/\1/p; s/^# CONFIG_\([A-Z_]*\) is not set/\1/p' .config | sort -u | \
	while read -r s; do \
		grep -qx "config $$s" Kconfig && [ $$s != NEEDS ] && \
			grep -E "CONFIG_$$s(=| is)" .config | tail -n 1; \
	done >.new; mv .new .config
ifdef M
modules:
else
modules: m.ko
endif
bzImage: arch/x86/boot/bzImage
Image: arch/arm64/boot/Image
arch/x86/boot/bzImage arch/arm64/boot/Image: a.o b.o .config
	mkdir -p $(@D)
	cat a.o b.o >$@
# In place, as kbuild writes some of what it makes.
%.o: %.c
	@echo "  CC      $@"
	cat $< >$@
m.ko: m.c
	cat $< >$@
modules_install:
	mkdir -p $(INSTALL_MOD_PATH)/lib/modules/9.9.1-lab
	cp m.ko $(INSTALL_MOD_PATH)/lib/modules/9.9.1-lab/
END
printf 'config PLAIN\n\tbool\n\nconfig NEEDS\n\tbool "x"\n\tdepends on MAGIC\n\nconfig MORE\n\tbool\n' >"$tree/Kconfig"
: >"$tree/Kbuild"
for f in a b m; do
	echo "this is $f" >"$tree/$f.c"
done
touch -d yesterday "$tree"/*
cat >"$work/b.patch" <<'END'
--- a/b.c
+++ b/b.c
@@ -1 +1 @@
-this is b
+that is c
END
sed 's/that is c/that is d/' "$work/b.patch" >"$work/d.patch"
sed 's/this is b/what it is not/' "$work/b.patch" >"$work/not.patch"

export DMABUF_CACHE="$work/cache"
rc=0
# kernel ARG...: its status is $rc; what it printed is set
kernel() {
	rc=0
	"$work/vm/source.sh" "$@" >"$work/out" 2>"$work/said" || rc=$?
	bzimage=$(sed -n 's/^bzimage=//p' "$work/out")
	name=$(basename "$(dirname "${bzimage:-/-/-}")")
	compiled=$(sed -n 's/^  CC  *//p' "$work/cache/kernels/$name.log" 2>/dev/null | sort | paste -sd ' ')
}
says() {
	grep -q -- "$1" "$work/said"
}

kernel 9.9
say 'a version is built' [ "$rc $compiled $(paste -sd , "$bzimage")" = '0 a.o b.o this is a,this is b' ]
say 'what it does not know of its own configuration is passed over' says 'not in 9.9: NOT_YET'
base=$(dirname "$bzimage")
kernel --patch "$work/b.patch" 9.9
say 'with a patch, what it changes' [ "$rc $compiled $(paste -sd , "$bzimage")" = '0 b.o this is a,that is c' ]
say 'and not the one without' [ "$(cat "$base/build/b.c" "$base/build/b.o" "$base/bzImage" | paste -sd ,)" = \
	'this is b,this is b,this is a,this is b' ]
first=$bzimage
cp "$work/b.patch" "$work/other-name.patch"
kernel --patch "$work/other-name.patch" 9.9
say 'the same patch again is not built again' [ "$rc $bzimage $(wc -c <"$work/said")" = "0 $first 0" ]
kernel --patch "$work/d.patch" 9.9
say 'another one is another kernel' [ "$rc $(paste -sd , "$bzimage")" = '0 this is a,that is d' ]
kernel --patch "$work/not.patch" 9.9
say 'one that does not apply' [ $rc -eq 2 ]
say 'is named' says 'not.patch does not apply to linux-source-9.9'
: >"$work/empty.patch"
kernel --patch "$work/empty.patch" 9.9
say 'an empty one is refused' [ "$rc $(grep -c 'empty.patch is empty' "$work/said")" = '2 1' ]
kernel --config MORE=y 9.9
say 'another configuration' [ "$rc $(grep -c '^CONFIG_MORE=y$' "$base/config" "$(dirname "$bzimage")/config" | cut -d : -f 2 | paste -sd ,)" = '0 0,1' ]
kernel --config NOSUCH=y 9.9
say 'a symbol that is not there' [ $rc -eq 2 ]
say 'is named as such' says 'NOSUCH: linux-source-9.9 has no such symbol'
kernel --config CONFIG_NEEDS=y 9.9
say 'a symbol that does not stay' [ $rc -eq 2 ]
say 'is named, with what it depends on' says 'NEEDS=y: depends on MAGIC'
kernel --config MORE 9.9
say 'no value for a symbol' [ $rc -eq 2 ]

kernel --arch arm64 9.9
say 'another machine, with its own configuration, in which the last line counts' [ "$rc $(grep -c '^CONFIG_MORE=y$' "$(dirname "$bzimage")/config")" = '0 1' ]
say 'is another kernel' [ "$(dirname "$bzimage")" != "$base" ]
kernel --arch riscv64 9.9
say 'a machine for which none is built' [ $rc -eq 2 ]
say 'is named' says 'no kernel is built from source for riscv64'

cp -a "$base/build" "$work/tree"
rm "$work/tree/.lab"
was=$(find "$work/tree" -type f -exec sha256sum {} + | sort)
kernel --patch "$work/b.patch" "$work/tree"
say 'a tree with a patch' [ "$rc $compiled $(paste -sd , "$bzimage")" = '0 b.o this is a,that is c' ]
say 'which is left as it is' [ "$was" = "$(find "$work/tree" -type f -exec sha256sum {} + | sort)" ]
echo 'this is new' >"$work/tree/a.c"
kernel --patch "$work/b.patch" "$work/tree"
say 'and with what was changed since' [ "$rc $(paste -sd , "$bzimage")" = '0 this is new,that is c' ]
exit $failed
