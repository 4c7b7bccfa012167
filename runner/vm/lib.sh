# SPDX-License-Identifier: MIT
#
# Shell that the lab's scripts have in common; sourced.

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# Nobody sets HOME for a service; then it is the user's.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
[ -n "${DMABUF_CACHE:-${XDG_CACHE_HOME:-$HOME}}" ] ||
	die "this user has no home to keep a cache in: set DMABUF_CACHE to a folder"
# shellcheck disable=SC2034 # of those who source this
cache=${DMABUF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dmabuf-contract}

# new_in FOLDER: $new, a new folder in that one of the cache. It is locked while this process or
# one that it has started lives; those that are not were left by one that was killed, and go.
new_in() {
	mkdir -p "$1" || die "no cache can be made in $cache"
	exec 8<"$1"
	flock 8 || :
	for new in "$1"/tmp.*; do
		[ ! -d "$new" ] || flock -n "$new" rm -rf "$new" || :
	done
	new=$(mktemp -d "$1/tmp.XXXXXX") || die "no cache can be made in $cache"
	exec 7<"$new" 8<&-
	flock -n 7 || :
}

# A path as QEMU wants it in a list of options.
comma() {
	echo "$1" | sed 's/,/,,/g'
}

# machine DIR ARCH: what DIR/machines has about it
machine() {
	case $2 in
	'' | *[!a-z0-9-]*) die "'$2' is no machine" ;;
	esac
	[ -f "$1/machines/$2" ] || die "the lab has no machine $2, but $(ls "$1/machines" | paste -sd ' ')"
	# shellcheck disable=SC1090 # one of those
	. "$1/machines/$2"
}

# libraries SYSROOT FILE...: the libraries that these programs and libraries are linked
# with, one a line. SYSROOT: of the machine's $triplet; empty: this machine.
libraries() {
	sysroot=$1
	shift
	if [ -z "$sysroot" ]; then
		ldd "$@" 2>/dev/null |
			sed -n 's/^[[:space:]]\(.*=> \)\{0,1\}\(\/[^ ]*\) (.*/\2/p' | sort -u
		return
	fi
	seen=' '
	while [ $# -gt 0 ]; do
		needed=$(readelf -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)]/\1/p' | sort -u)
		set --
		for l in $needed; do
			case $seen in
			*" $l "*) continue ;;
			esac
			seen="$seen$l "
			for d in "$sysroot/usr/lib" "$sysroot/usr/lib/$triplet"; do
				[ -f "$d/$l" ] || continue
				echo "$d/$l"
				set -- "$@" "$d/$l"
				break
			done
		done
	done
}
