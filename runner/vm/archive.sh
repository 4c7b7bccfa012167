#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Packages of any Debian suite, without root and without touching the machine's
# own sources: apt works in a root of its own, in the cache.
set -eu

usage() {
	cat <<END
usage: archive.sh [--arch ARCH] [--with-depends[=GLOB]] [--list] SUITE DEST PACKAGE...

Downloads the packages from SUITE (trixie, bookworm-backports, sid, ...) and
unpacks them in DEST.

  --arch ARCH            for that machine, as Debian calls it (default amd64)
  --with-depends[=GLOB]  and all they depend on, as on an empty machine
                         (GLOB: only packages of these names)
  --list                 print "PACKAGE VERSION" a line instead; DEST is not used
END
}

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

arch=amd64
depends=
list=
while [ $# -gt 0 ]; do
	case $1 in
	--arch) arch=$2; shift ;;
	--with-depends) depends='*' ;;
	--with-depends=*) depends=${1#*=} ;;
	--list) list=1 ;;
	--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 3 ] || { usage >&2; exit 2; }
suite=$1
dest=$2
shift 2

case $suite in
*[!a-z0-9-]* | '' | -*) die "'$suite' is no name of a suite" ;;
esac
for tool in apt-get dpkg-deb flock; do
	command -v $tool >/dev/null ||
		die "$tool is not there, so no package can be fetched: give the lab a kernel with --kernel PATH"
done
export LC_ALL=C

# The mirror that the machine itself uses, of Debian's own archive.
mirror() {
	if [ -n "${DMABUF_MIRROR:-}" ]; then
		echo "$DMABUF_MIRROR"
		return
	fi
	debian=$(grep -qx 'ID=debian' /etc/os-release && echo yes || :)
	# Until the first apt-get update a source has no label; then its host decides.
	apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F '|' -v debian="$debian" '
			$1 == "Debian" || ($1 !~ /[A-Za-z]/ && debian && $2 !~ /security/) {
				sub("/*$", "", $2); print $2; exit
			}'
}

root=$cache/apt/$suite
[ "$arch" = amd64 ] || root=$root-$arch
mkdir -p "$root/lists/partial" "$root/archives/partial" ||
	die "no cache can be made in $root"
root=$(cd "$root" && pwd)

# apt would give up at once where another one is at work.
exec 9>"$root/lock"
flock 9

keyring=
for k in /usr/share/keyrings/debian-archive-keyring.gpg \
	 /usr/share/keyrings/debian-archive-keyring.pgp; do
	[ ! -r $k ] || keyring=$k
done
[ -n "$keyring" ] || die "Debian's keys are not there: install debian-archive-keyring"
from=$(mirror)
[ -n "$from" ] ||
	die "the machine's apt sources name no Debian archive: set DMABUF_MIRROR to one, or give --kernel PATH"

# A suite that is a layer over another one depends on that one's packages.
case $suite in
experimental | rc-buggy) suites="$suite sid" ;;
*-*) suites="$suite ${suite%%-*}" ;;
*) suites=$suite ;;
esac
for s in $suites; do
	echo "deb [arch=$arch target=Packages signed-by=$keyring] $from $s main"
done >"$root/sources.list"
: >"$root/status"

# Read after the machine's own configuration, whose proxy and transport stay.
cat >"$root/apt.conf" <<END
#clear APT::Update;
#clear DPkg;
#clear APT::Architectures;
APT::Architecture "$arch";
APT::Install-Recommends "false";
APT::Default-Release "$suite";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "true";
Dir::State "$root";
Dir::State::lists "$root/lists";
Dir::State::status "$root/status";
Dir::State::extended_states "$root/extended_states";
Dir::Cache "$root";
Dir::Cache::archives "$root/archives";
Dir::Etc::sourcelist "$root/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "$root";
END

apt() {
	apt-get -c "$root/apt.conf" -qq "$@"
}

log=$root/log
update() {
	# Before the first update of a suite apt warns of its unknown name.
	apt -o APT::Default-Release= "$@" update >"$log" 2>&1
}

# The index of an hour ago will do.
if [ -z "$(find "$root/updated" -mmin -60 2>/dev/null)" ]; then
	if ! update && grep -q 'is expired' "$log"; then
		echo "archive.sh: the mirror's $suite is past its Valid-Until; its signature counts, going on" >&2
		update -o Acquire::Check-Valid-Until=false || :
	fi
	if grep -q '^E:' "$log"; then
		if grep -q 'does not have a Release file' "$log"; then
			rm -rf "$root"
			die "the archive has no suite '$suite'"
		fi
		cat "$log" >&2
		die "the archive cannot be reached, see above"
	fi
	touch "$root/updated"
fi

# What would be fetched, "PACKAGE VERSION" a line.
names() {
	if [ -z "$depends" ]; then
		apt download --print-uris "$@"
	else
		apt install --print-uris "$@"
	fi >"$log" 2>&1 || {
		missing=$(sed -n 's/^E: Unable to locate package //p' "$log" | tr '\n' ' ')
		[ -z "$missing" ] || die "$suite has no package ${missing% }"
		cat "$log" >&2
		die "$suite cannot give $*, see above"
	}
	# 'URI' FILE SIZE HASH
	sed -n "s/^'.*' \([^_ ]*\)_\([^_ ]*\)_[^ ]* .*/\1 \2/p" "$log" | sed 's/%3a/:/'
}

names=$(names "$@")
wanted=$(echo "$names" | while read -r name version; do
	# shellcheck disable=SC2254 # a pattern it is
	case $name in
	${depends:-*}) echo "$name $version" ;;
	esac
done)
if [ -n "$list" ]; then
	echo "$wanted"
	exit 0
fi

mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
cd "$root/archives"
# shellcheck disable=SC2046 # a word each
apt download $(echo "$wanted" | tr ' ' '=') >"$log" 2>&1 || {
	cat "$log" >&2
	rm -f "$root/updated"
	die "the archive does not give the packages, see above"
}
echo "$wanted" | while read -r name version; do
	deb=$(echo "${name}_$version" | sed 's/:/%3a/')
	dpkg-deb -x "$deb"_*.deb "$dest"
	# Unpacked, they are cached by whoever asked.
	rm -f "$deb"_*.deb
done
