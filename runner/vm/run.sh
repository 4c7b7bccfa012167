#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boots a kernel with the lab's devices and runs one command in it.
set -eu

usage() {
	cat <<END
usage: run.sh [OPTION...] --results DIR -- COMMAND [ARG...]

Boots a kernel in QEMU with every exporter of the table (devices), runs COMMAND
in it as root, and exits with COMMAND's status; 125: the guest did not get to
its end; 2: it was not to be run.

  --arch ARCH       the guest's machine: x86-64 (default), arm64, armhf or
                    riscv64
  --iommu           its devices' DMA goes by way of an IOMMU (arm64)
  --kernel SPEC     debian:SUITE, debian:SUITE/FLAVOUR, source:VERSION, or the path of
                    a bzImage (arm64: Image, armhf: zImage) or of a kernel's build
                    tree (default debian:trixie)
  --modules DIR     that image's modules
  --patch FILE, --config SYMBOL=VALUE
                    of source:VERSION or a tree, built again with these (source.sh)
  --module FILE.ko  load this one too, before COMMAND (repeatable); of a folder,
                    what its Kbuild makes is built for this kernel
  --root TREE       files for the guest's root (repeatable)
  --machine         COMMAND runs in this machine's own system, as a person at its
                    keyboard would run it on the kernel: all files of this machine
                    are there, read-only, but /tmp, /var/tmp, /run and /mnt, which
                    is DIR, are the guest's own
  --results DIR     shared with the guest as /results; the kernel's console goes
                    to DIR/console.txt
  --timeout S       kill the guest after S seconds (default: never)
  --inactivity S    kill the guest when it has said nothing for S seconds
                    (default 120; 0: never)

What COMMAND prints appears here as it is printed; its input is empty. It finds
DMABUF_EXPECT (the exporters that this kernel must show), DMABUF_DISRUPTIVE=1 and
TMPDIR (a file system on a disk) in its environment.
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

PATH=$PATH:/usr/sbin:/sbin
tmp=$(mktemp -d) || exit 2
# Files of COMMAND's root, merged; bin, lib and others are in usr.
stage=$tmp/root
mkdir -p "$stage/usr/bin" "$stage/usr/sbin" "$stage/usr/lib" "$stage/usr/lib64" "$stage/lab"
for d in bin sbin lib lib64; do
	ln -s "usr/$d" "$stage/$d"
done

qemu_pid=
tee_pid=
watch_pid=
env -i PATH="$PATH" setsid "$here/guard.sh" $$ "$tmp" </dev/null >/dev/null 2>&1 &
guard_pid=$!
export DMABUF_LAB="$tmp"
booting=
end() {
	rc=$?
	trap '' INT TERM
	kill "$guard_pid" 2>/dev/null || :
	[ -z "$watch_pid" ] || kill "$watch_pid" 2>/dev/null || :
	[ -z "$qemu_pid" ] || kill -KILL "$qemu_pid" 2>/dev/null || :
	rm -rf "$tmp"
	# What failed before there was a guest is not COMMAND's status.
	[ -n "$booting" ] || [ $rc -ne 1 ] || rc=2
	exit $rc
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

arch=x86-64
iommu=
kernel=debian:trixie
modules=
# Of kernel.sh, a word a line.
changes=
extra=
results=
own=
timeout=0
inactivity=120
roots=$tmp/roots
: >"$roots"
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--) shift; break ;;
	--machine) own=1; shift; continue ;;
	--iommu) iommu=1; shift; continue ;;
	--arch | --kernel | --modules | --patch | --config | --module | --root | --results | --timeout | --inactivity)
		[ $# -ge 2 ] || die "$1 needs a value"
		;;
	*) usage >&2; exit 2 ;;
	esac
	case $1 in
	--arch) arch=$2 ;;
	--kernel) kernel=$2 ;;
	--modules) modules=$2 ;;
	--patch | --config)
		changes="$changes$1
$2
"
		;;
	--module)
		[ -f "$2" ] || [ -d "$2" ] || die "there is no module '$2'"
		extra="$extra
$(realpath "$2")"
		;;
	--root)
		[ -d "$2" ] || die "there is no tree '$2'"
		echo "$2" >>"$roots"
		;;
	--results) results=$2 ;;
	--timeout) timeout=$2 ;;
	--inactivity) inactivity=$2 ;;
	esac
	shift 2
done
[ $# -gt 0 ] && [ -n "$results" ] || { usage >&2; exit 2; }
case $timeout$inactivity in
*[!0-9]*) die "--timeout and --inactivity take seconds" ;;
esac
[ "$(uname -m)" = x86_64 ] || die "the lab runs on x86-64 only, this machine is $(uname -m)"
machine "$here" "$arch"
[ -z "$own" ] || [ -z "$triplet" ] || die "--machine is for a guest like this machine: x86-64"
[ -z "$iommu" ] || [ -n "$smmu" ] || die "the lab's $arch has no IOMMU"
tools="$emulator busybox kmod cpio mke2fs ${cross}strip"
[ -z "$registers" ] || tools="$tools dtc python3 cc"
for tool in $tools; do
	command -v $tool >/dev/null || die "$tool is not there: scripts/setup.sh says what to install"
done

# Own words of a command line, quoted for another shell.
quote() {
	for word; do
		printf "'%s' " "$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")"
	done
	echo
}
quote "$@" >"$stage/lab/command"

[ -z "$modules" ] || changes="$changes--modules
$modules
"
(IFS='
'
	set -f
	# shellcheck disable=SC2086 # a word a line
	"$here/kernel.sh" --arch "$arch" $changes "$kernel") >"$tmp/kernel" || exit 2
release=$(sed -n 's/^release=//p' "$tmp/kernel")
boot=$(sed -n 's/^boot=//p' "$tmp/kernel")
tree=$(sed -n 's/^modules=//p' "$tmp/kernel")
config=$(sed -n 's/^config=//p' "$tmp/kernel")

# The extra modules' names are a line each; a folder is built for this kernel.
IFS='
'
extra=$(for f in $extra; do
	if [ -d "$f" ]; then
		"$here/kmod.sh" "$tmp/kernel" "$f" "$tmp/built" || exit 2
	else
		echo "$f"
	fi
done) || exit 2
# A signature is of use only to a kernel that insists on one.
strip=
[ -z "$config" ] ||
	grep -qE '^CONFIG_(MODULE_SIG_FORCE|LOCK_DOWN_KERNEL_FORCE_(INTEGRITY|CONFIDENTIALITY))=y' "$config" ||
	strip=--strip
accel=$(accel "$boot")
# Two emulated CPUs that share two real ones with QEMU's own threads wait for each
# other: where anything else runs, a run takes four times as long.
cpus=2
case $accel in
*tcg*) [ "$(nproc)" -gt 2 ] || cpus=1 ;;
esac

# kernel_has SYMBOL MODULE
kernel_has() {
	if [ -n "$config" ]; then
		grep -q "^CONFIG_$1=[ym]" "$config"
	else
		[ -n "$tree" ] && [ "$2" != - ] || return 1
		m=$(echo "$2" | sed 's/[-_]/[-_]/g')
		grep -q "/${m}[.]ko" "$tree/modules.order" "$tree/modules.builtin" 2>/dev/null
	fi
}

# A device of the device tree is a file; together they add lines to the table.
cp "$here/devices" "$tmp/devices"
: >"$tmp/options"
asleep=
if [ -n "$registers" ]; then
	# shellcheck disable=SC2086 # words
	(unset IFS; "$here/board.sh" ${iommu:+--iommu} "$arch" "$tmp/board" $accel -smp $cpus) \
		>"$tmp/options" || exit 2
	cat "$tmp/board/table" >>"$tmp/devices"
	asleep=$(paste -sd ' ' "$tmp/board/asleep")
	mkdir -p "$stage/usr/lib"
	cp -r "$tmp/board/firmware" "$stage/usr/lib/"
	# Modules of ours are built for whatever kernel they can be built for.
	while IFS=' ' read -r symbol folder from exporters; do
		grep -qE '^(build|suite)=' "$tmp/kernel" && kernel_has "$symbol" - || continue
		echo "$symbol - - - $from $exporters" >>"$tmp/devices"
		extra="$extra
$("$here/kmod.sh" "$tmp/kernel" "$here/$folder" "$tmp/$folder")" || exit 2
	done <"$tmp/board/kmods"
fi
# shellcheck disable=SC2086
initramfs=$("$here/initramfs.sh" --arch "$arch" $strip "$tmp/devices" "$release" "$tree" $extra) || exit 2
extra=$(for f in $extra; do
	f=${f##*/}
	echo "${f%.ko*}"
done)
unset IFS

# since VERSION: the kernel is of this version or later
since() {
	[ "$1" = - ] || [ "$(printf '%s\n' "$1" "$release" | sort -V | head -n 1)" = "$1" ]
}

load=
parameters=
devices=
expect=
while read -r symbol module parameter device from exporters; do
	case $symbol in
	'#'* | '') continue ;;
	esac
	case " $lacks " in
	*" ${device%%,*} "*) continue ;;
	esac
	[ "$module" = - ] || load="$load $module"
	[ "$parameter" = - ] || parameters="$parameters $parameter"
	[ "$device" = - ] || devices="$devices -device $device"
	[ "$exporters" != - ] && kernel_has "$symbol" "$module" && since "$from" || continue
	expect="$expect $(echo "$exporters" | tr , ' ')"
done <"$tmp/devices"
cat >"$stage/lab/env" <<END
LAB_MODULES='${load# }'
LAB_EXTRA='$extra'
LAB_MACHINE='$own'
LAB_TTY=/dev/$tty
LAB_ASLEEP='$asleep'
LAB_SWAP='$swap'
DMABUF_EXPECT='${expect# }'
END

# The libraries of the machine first, so that a TREE can bring its own.
library() {
	to=${1#"$sysroot"}
	to=$stage/usr/${to#/usr}
	mkdir -p "$(dirname "$to")"
	cp -L "$1" "$to"
}
while read -r r; do
	tar -C "$r" -cf - . | tar -C "$stage" -xf - --keep-directory-symlink --no-same-owner
done <"$roots"
# Of the RDMA device: its tool, and what libibverbs loads by name.
sysroot=
[ -z "$triplet" ] || sysroot=$("$here/sysroot.sh" "$arch") || exit 2
if [ -z "$sysroot" ]; then
	rdma=$(command -v rdma || :)
else
	rdma=$sysroot/usr/bin/rdma
fi
[ -z "$rdma" ] || cp "$rdma" "$stage/usr/bin/rdma"
for f in "$sysroot"/usr/lib*/libibverbs/librxe-rdmav*.so "$sysroot"/usr/lib/*/libibverbs/librxe-rdmav*.so \
	 "$sysroot"/usr/lib*/libibverbs.so.1 "$sysroot"/usr/lib/*/libibverbs.so.1; do
	[ ! -f "$f" ] || library "$f"
done
if [ -f "$sysroot/etc/libibverbs.d/rxe.driver" ]; then
	mkdir -p "$stage/etc/libibverbs.d"
	cp "$sysroot/etc/libibverbs.d/rxe.driver" "$stage/etc/libibverbs.d/"
fi
find "$stage" -type f \( -perm -u+x -o -name '*.so*' \) | while read -r f; do
	[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
	echo "$f"
done >"$tmp/programs"
IFS='
'
# shellcheck disable=SC2046 # a line each
libraries "$sysroot" $(cat "$tmp/programs") | while read -r lib; do
	case $lib in
	"$stage"*) continue ;;
	esac
	to=${lib#"$sysroot"}
	[ -e "$stage/usr/${to#/usr}" ] || library "$lib"
done
unset IFS
(cd "$stage" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/stage.cpio"
# The kernel wants each archive at a multiple of four bytes; cpio fills up to 512.
cat "$initramfs" "$tmp/stage.cpio" >"$tmp/initrd"

truncate -s 256M "$tmp/disk"
mke2fs -q -F -t ext4 -E lazy_itable_init=1,nodiscard "$tmp/disk"

mkdir -p "$results"
results=$(cd "$results" && pwd)
rm -f "$results/.guest"
: >"$results/console.txt"
mkfifo "$tmp/out"
booting=1
# QEMU makes its output non-blocking, and must not do so with the caller's.
tee "$tmp/said" <"$tmp/out" &
tee_pid=$!

# Seconds of self-tests and of patching that judge no mapping, and of translating
# again, for TCG, what each process maps elsewhere; and what tests write to the
# kernel's log is to be there in full. Memory that plays registers is not the kernel's.
append="console=$console $append${registers:+ mem=$(((registers - memory_base) >> 20))M} quiet panic=-1 printk.devkmsg=on norandmaps mitigations=off cryptomgr.notests
	initcall_blacklist=init_encrypted,crypto_kdf108_init,jent_mod_init$parameters"

IFS='
'
set -f
# shellcheck disable=SC2046 # a word a line
set -- $(cat "$tmp/options")
set +f
unset IFS
# shellcheck disable=SC2086
$emulator $accel -M $type -m $memory -smp $cpus -no-reboot \
	-nodefaults -display none -vga none -nic none \
	-kernel "$boot" -initrd "$tmp/initrd" \
	-append "$(echo $append) ${LAB_APPEND:-}" \
	-chardev file,id=console,path="$(comma "$results")/console.txt" \
	$serial \
	-drive file="$(comma "$tmp")/disk",format=raw,if=virtio,cache=unsafe \
	-virtfs local,path="$(comma "$results")",mount_tag=results,security_model=none \
	${own:+-virtfs local,path=/,mount_tag=machine,security_model=none,readonly=on,multidevs=remap} \
	$devices "$@" </dev/null >"$tmp/out" 2>"$tmp/qemu" &
qemu_pid=$!

# Kills a guest that has said nothing for too long, or goes on for too long.
watch() {
	# Its sleep must not outlive it: the caller's files are open there, too.
	trap 'kill $! 2>/dev/null; exit' TERM
	size=
	quiet=0
	age=0
	while
		sleep 1 &
		wait $!
	do
		age=$((age + 1))
		quiet=$((quiet + 1))
		now=$(cat "$results/console.txt" "$tmp/said" 2>/dev/null | wc -c)
		[ "$now" = "$size" ] || quiet=0
		size=$now
		if [ "$inactivity" -gt 0 ] && [ $quiet -ge "$inactivity" ]; then
			echo "it said nothing for $quiet seconds and was killed" >"$tmp/why"
		elif [ "$timeout" -gt 0 ] && [ $age -ge "$timeout" ]; then
			echo "it took longer than $timeout seconds and was killed" >"$tmp/why"
		else
			continue
		fi
		kill -KILL "$qemu_pid"
		return
	done
}
watch >/dev/null 2>&1 &
watch_pid=$!

rc=0
# Not the shell's own word on how it ended.
wait "$qemu_pid" 2>/dev/null || rc=$?
qemu_pid=
wait "$tee_pid" || :
kill "$watch_pid" 2>/dev/null || :
wait "$watch_pid" 2>/dev/null || :
watch_pid=

status=$(cat "$results/.guest" 2>/dev/null || :)
rm -f "$results/.guest"
case $status in
'' | *[!0-9]*) ;;
*) exit "$status" ;;
esac

# It may have ended in the middle of a line.
[ -z "$(tail -c 1 "$tmp/said")" ] || echo
if [ -s "$tmp/why" ]; then
	why=$(cat "$tmp/why")
elif [ $rc -ne 0 ]; then
	why="QEMU ended with status $rc: $(cat "$tmp/qemu")"
else
	why="it ended before the command did"
fi
{
	if [ "$status" = booted ]; then
		echo "run.sh: the guest ($release) died: $why"
	else
		echo "run.sh: the guest ($release) did not boot: $why"
	fi
	grep -E 'Kernel panic|BUG: |Oops' "$results/console.txt" | head -n 3 |
		tr -d '\r' | sed 's/^/run.sh: /'
	echo "run.sh: the last lines of its console ($results/console.txt):"
	tail -n 15 "$results/console.txt" | tr -d '\r' | sed 's/^/  /'
} >&2
exit 125
