#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A machine with exporters to try the suite on: this machine's own system in the
# lab's guest, a copy of this tree, built, in its place, and the suite installed in
# /usr/local. After run-tests.sh --build-only.
set -eu

[ $# -ge 2 ] || { echo "usage: on-machine.sh RESULTS COMMAND [ARG...]" >&2; exit 2; }
top=$(cd "$(dirname "$0")/.." && pwd)
results=$1
shift
mkdir -p "$results"
trap 'rm -f "$results/tree.tar"' EXIT
# With parts of a second, by which ninja knows that nothing is to be built.
tar -C "$top" --format=posix --exclude='./results*' -cf "$results/tree.tar" .
# git does not like a tree of another user's; with another version to print, the
# library would be built again.
"$top/runner/vm/run.sh" --machine --results "$results" -- env \
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory 'GIT_CONFIG_VALUE_0=*' sh -ec '
	unset DMABUF_DISRUPTIVE
	mkdir -p /var/tmp/tree "$0"
	tar -C /var/tmp/tree -xf /mnt/tree.tar
	mount -o bind /var/tmp/tree "$0"
	mount -t tmpfs tmpfs /usr/local
	cp -a "$0/build/stage/usr/." /usr/local/
	exec "$@"' "$top" "$@"
