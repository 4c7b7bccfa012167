#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Devices without their hardware, for a machine with a device tree: a file each in board/.
set -eu

usage() {
	cat <<END
usage: board.sh [--iommu] ARCH OUT OPTION...

Makes the devices of board/ part of ARCH's machine, which QEMU is to start with the
OPTIONs. Prints further ones, a word a line; OUT, a folder, has the files that they name,
the lines of the table of devices (table), the modules that are to be built for it (kmods),
the nodes of devices to be suspended before tests (asleep), and the firmware that drivers
will ask for (firmware).
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

iommu=
case ${1-} in
--help) usage; exit 0 ;;
--iommu) iommu=1; shift ;;
esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
machine "$here" "$1"
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2

for f in "$here"/board/*; do
	case " $lacks " in
	*" ${f##*/} "*) ;;
	*) echo "$f" ;;
	esac
done | xargs "$here/board.py" --registers "$registers" --size "$registers_size" \
	--interrupt "$interrupt" ${iommu:+--iommu "$smmu"} --out "$out" || exit 2

# QEMU's own device tree, with ours behind it.
"$emulator" -M "$type,dumpdtb=$(comma "$out")/bare.dtb" -m "$memory" "$@" >"$out/log" 2>&1 &&
	dtc -q -I dtb -O dts -o "$out/bare.dts" "$out/bare.dtb" || {
	cat "$out/log" >&2
	die "$emulator gives no device tree"
}
cat "$out/bare.dts" "$out/board.dts" >"$out/all.dts"
dtc -q -I dts -O dtb -o "$out/all.dtb" "$out/all.dts" ||
	die "the nodes in $here/board are no device tree, see above"

plugin=$cache/registers-$(sha256sum "$here/registers.c" | cut -c 1-16).so
if [ ! -f "$plugin" ]; then
	mkdir -p "$cache"
	cc -O2 -shared -fPIC -o "$plugin.$$" "$here/registers.c" || die "registers.c does not build"
	mv "$plugin.$$" "$plugin"
fi

# The memory has a name by which the plugin finds it in QEMU.
cat <<END
-dtb
$out/all.dtb
-device
loader,file=$(comma "$out")/registers.bin,addr=$registers,force-raw=on
-object
memory-backend-memfd,id=memory,size=$memory
-machine
memory-backend=memory
-plugin
$(comma "$plugin"),memory=memory-backend-memfd,base=$memory_base,$code,rules=$(comma "$out")/reactions
END
