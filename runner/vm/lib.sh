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
