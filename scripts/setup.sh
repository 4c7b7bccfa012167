#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Sees to it that what the suite is built with, and what the lab runs on, is there.
set -eu

usage() {
	cat <<END
usage: setup.sh [--host | --check | --source] [--arm64 | --armhf | --riscv64]

Installs what is missing (Debian and Ubuntu, as root or with sudo), or says what
is to be installed and exits 2.

  --host    only what it takes to build, nothing of the lab
  --source  also what it takes to build a kernel or a module
  --arm64, --armhf, --riscv64
            also what it takes to build the suite for that machine, and to emulate it
  --check   all that, and what the project's own tests read results with
END
}

# for, what shows that it is there, and its package in Debian, Fedora and Arch.
# pc: a pkg-config module, file: a pattern; name?: where the archive has it.
table='
build	cc				gcc			gcc			gcc
build	file:/usr/include/stdio.h	libc6-dev		glibc-devel		glibc
build	pkg-config			pkg-config		pkgconf-pkg-config	pkgconf
build	meson				meson			meson			meson
build	ninja				ninja-build		ninja-build		ninja
build	pc:libdrm			libdrm-dev		libdrm-devel		libdrm
build	pc:liburing			liburing-dev		liburing-devel		liburing
build	pc:libpcre2-8			libpcre2-dev		pcre2-devel		pcre2
build	pc:libibverbs			libibverbs-dev		rdma-core-devel		rdma-core
lab	qemu-system-x86_64		qemu-system-x86		qemu-system-x86		qemu-system-x86
lab	file:/usr/lib*/*/qemu/hw-display-virtio-gpu-pci.so,/usr/lib*/qemu/hw-display-virtio-gpu-pci.so	qemu-system-x86	qemu-device-display-virtio-gpu-pci	qemu-hw-display-virtio-gpu-pci
lab	file:/usr/lib*/*/qemu/hw-display-qxl.so,/usr/lib*/qemu/hw-display-qxl.so	qemu-system-modules-spice?	qemu-device-display-qxl	qemu-hw-display-qxl
lab	busybox				busybox-static		busybox			busybox
lab	kmod				kmod			kmod			kmod
lab	cpio				cpio			cpio			cpio
lab	mke2fs				e2fsprogs		e2fsprogs		e2fsprogs
lab	rdma				iproute2		iproute			iproute2
lab	file:/usr/lib*/*/libibverbs/librxe-*.so,/usr/lib*/libibverbs/librxe-*.so	ibverbs-providers	libibverbs	rdma-core
lab	xz				xz-utils		xz			xz
lab	zstd				zstd			zstd			zstd
lab	apt-get				apt			apt			apt
arm64	qemu-system-aarch64		qemu-system-arm		qemu-system-aarch64	qemu-system-aarch64
arm64	aarch64-linux-gnu-gcc		gcc-aarch64-linux-gnu	gcc-aarch64-linux-gnu	aarch64-linux-gnu-gcc
armhf	qemu-system-arm			qemu-system-arm		qemu-system-arm		qemu-system-arm
armhf	arm-linux-gnueabihf-gcc		gcc-arm-linux-gnueabihf	gcc-arm-linux-gnu	arm-linux-gnueabihf-gcc
armhf	make				make			make			make
riscv64	qemu-system-riscv64		qemu-system-misc	qemu-system-riscv	qemu-system-riscv
riscv64	file:/usr/share/qemu/opensbi-riscv64-*	opensbi		qemu-system-riscv	qemu-system-riscv-firmware
riscv64	riscv64-linux-gnu-gcc		gcc-riscv64-linux-gnu	gcc-riscv64-linux-gnu	riscv64-linux-gnu-gcc
board	dtc				device-tree-compiler	dtc			dtc
board	python3				python3			python3			python
board	readelf				binutils		binutils		binutils
source	make				make			make			make
source	ld				binutils		binutils		binutils
source	flex				flex			flex			flex
source	bison				bison			bison			bison
source	bc				bc			bc			bc
source	perl				perl			perl			perl
source	patch				patch			patch			patch
source	lz4				lz4			lz4			lz4
source	file:/usr/include/libelf.h	libelf-dev		elfutils-libelf-devel	libelf
check	xmllint				libxml2-utils		libxml2			libxml2
check	file:/usr/lib/python3*/*-packages/yaml	python3-yaml		python3-pyyaml		python-yaml
check	file:/usr/lib/python3*/*-packages/junitparser	python3-junitparser	python3-junitparser	python-junitparser
lab	file:/usr/share/keyrings/debian-archive-keyring.*	debian-archive-keyring	debian-keyring	debian-archive-keyring
'

PATH=$PATH:/usr/sbin:/sbin
what='build lab'
for option; do
	case $option in
	--host) what=build ;;
	--check) what="$what source check" ;;
	--source) what="$what source" ;;
	--arm64 | --armhf | --riscv64) what="$what board ${option#--}" ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done

is_there() {
	case $1 in
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	file:*)
		for f in $(echo "${1#file:}" | tr , ' '); do
			[ ! -e "$f" ] || return 0
		done
		return 1
		;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# The packages of what is missing: column 1 Debian, 2 Fedora, 3 Arch.
missing() {
	echo "$table" | while read -r use sign debian fedora arch; do
		case " $what " in
		*" ${use:--} "*) ;;
		*) continue ;;
		esac
		is_there "$sign" || echo "$debian $fedora $arch"
	done | sort -u
}

packages() {
	echo "$1" | cut -d ' ' -f "$2" | sort -u | while read -r p; do
		case $p in
		# Debian 12 has it in another package, which is wanted anyway.
		*'?') apt-cache show "${p%"?"}" >/dev/null 2>&1 || continue ;;
		esac
		echo "${p%"?"}"
	done | tr '\n' ' '
}

missing=$(missing)
[ -n "$missing" ] || exit 0

debian=
if command -v apt-get >/dev/null && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release; then
	debian=1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=no
	# It asks for a password only where somebody can answer.
	if [ -n "$debian" ] && command -v sudo >/dev/null && {
		sudo -n true 2>/dev/null || { [ -t 0 ] && {
			echo "setup.sh: to be installed: $(packages "$missing" 1)" >&2
			sudo -v
		}; }
	}; then
		as_root=sudo
	fi
fi
if [ -n "$debian" ] && [ "$as_root" != no ]; then
	as_root="$as_root env DEBIAN_FRONTEND=noninteractive"
	$as_root apt-get -qq update || exit 2
	echo "setup.sh: installing $(packages "$missing" 1)"
	# shellcheck disable=SC2046
	$as_root apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends \
			$(packages "$missing" 1) >/dev/null ||
		{ echo "setup.sh: apt-get could not install them, see above" >&2; exit 2; }
	missing=$(missing)
	[ -n "$missing" ] || exit 0
fi
cat >&2 <<END
setup.sh: packages are missing, and this user cannot install them here:
  Debian, Ubuntu  apt install $(packages "$missing" 1)
  Fedora          dnf install $(packages "$missing" 2)
  Arch            pacman -S $(packages "$missing" 3)
END
exit 2
