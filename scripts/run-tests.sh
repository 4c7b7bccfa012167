#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the suite, boots the lab, runs every test in it.
set -eu

usage() {
	cat <<END
usage: run-tests.sh [OPTION]...

Builds the suite, boots a kernel with the lab's exporters, runs every subtest in
it, and leaves igt_runner's layout and junit.xml in results/.

  --kernel SPEC     debian:SUITE (trixie is the default; bookworm,
                    bookworm-backports, sid, ...), source:VERSION (built from
                    Debian's linux-source-VERSION with the lab's configuration),
                    or the path of a bzImage or of a kernel's build tree
  --modules DIR     that bzImage's modules
  --module FILE.ko  load this one too, before the tests (repeatable); of a folder,
                    what its Kbuild makes is built for this kernel
  --host            run on this machine, not in the lab
  --disruptive      with --host: also what disturbs others who use the machine
                    (the lab always does)
  -t REGEX          run only what matches igt@BINARY@SUBTEST
  -x REGEX          do not run what matches
  -o DIR            results go to DIR (default: results; an earlier one becomes
                    results.old)
  --build-only      build and install in build/stage, and stop
  --help

Exit status: 0 everything ran and nothing failed; 1 something failed; 2 it could
not run, or not to the end.
END
}

die() {
	echo "run-tests.sh: $*" >&2
	exit 2
}

source=$(cd "$(dirname "$0")/.." && pwd)
kernel=debian:trixie
modules=
extra=
host=
disruptive=
build_only=
include=
exclude=
results=
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--host) host=1; shift; continue ;;
	--disruptive) disruptive=1; shift; continue ;;
	--build-only) build_only=1; shift; continue ;;
	--kernel | --modules | --module | -t | -x | -o)
		[ $# -ge 2 ] || die "$1 needs a value"
		;;
	*) usage >&2; exit 2 ;;
	esac
	case $1 in
	--kernel) kernel=$2 ;;
	--modules) modules=$2 ;;
	--module)
		[ -f "$2" ] || [ -d "$2" ] || die "there is no module '$2'"
		extra="$extra
$2"
		;;
	-t) include=$2 ;;
	-x) exclude=$2 ;;
	-o) results=$2 ;;
	esac
	shift 2
done
[ -z "$disruptive" ] || [ -n "$host" ] || die "--disruptive is for --host; the lab always is"

if [ -n "$results" ]; then
	[ ! -e "$results" ] || [ -d "$results" ] || die "$results is no folder"
	[ -z "$(ls -A "$results" 2>/dev/null)" ] || die "$results is there and is not empty"
fi

"$source/scripts/setup.sh" ${host:+--host}

build=$source/build
stage=$build/stage
log=$build/run-tests.log
mkdir -p "$build" || die "$build cannot be made"
{
	[ -f "$build/build.ninja" ] || meson setup --prefix=/usr "$build" "$source"
	ninja -C "$build"
	# What a test was once called must not run again.
	rm -rf "$stage"
	DESTDIR=$stage meson install -C "$build" --no-rebuild
} >"$log" 2>&1 || {
	tail -n 40 "$log" >&2
	die "the suite does not build: $log"
}
[ -z "$build_only" ] || exit 0
# Wherever that build's prefix is.
tests=$(find "$stage" -name test-list.txt)
tests=$(dirname "${tests#"$stage"}")
bin=$(find "$stage" -name dmabuf_runner)
bin=$(dirname "${bin#"$stage"}")

if [ -z "$results" ]; then
	results=results
	if [ -n "$(ls -A "$results" 2>/dev/null)" ]; then
		rm -rf results.old
		mv results results.old
	fi
fi
mkdir -p "$results" || die "$results cannot be made"
results=$(cd "$results" && pwd)

# The runner's own arguments; matrix and junit.xml come once all is done.
set -- --no-report
[ -z "$include" ] || set -- "$@" -t "$include"
[ -z "$exclude" ] || set -- "$@" -x "$exclude"

run_here() {
	if [ "$(id -u)" != 0 ]; then
		echo "run-tests.sh: not root: what only root may do (RDMA, most of /dev/dri and /dev/dma_heap, page map counts) is skipped" >&2
		set -- --allow-non-root "$@"
	fi
	unset DMABUF_DISRUPTIVE
	[ -z "$disruptive" ] || export DMABUF_DISRUPTIVE=1
	"$stage$bin/dmabuf_runner" --overwrite "$@" "$stage$tests" "$results"
}

# lab COMMAND ARG...
lab() {
	set -- -- "$@"
	# The names of modules, a line each.
	IFS='
'
	for m in $extra; do
		set -- --module "$m" "$@"
	done
	unset IFS
	[ -z "$modules" ] || set -- --modules "$modules" "$@"
	# A test that hangs is ended by the runner after 120 seconds.
	"$source/runner/vm/run.sh" --kernel "$kernel" --root "$stage" --results "$results" \
		--inactivity 150 "$@"
}

# Subtests that were begun.
begun() {
	find "$results" -mindepth 2 -maxdepth 2 -name journal.txt | wc -l
}

rc=0
if [ -n "$host" ]; then
	run_here "$@" || rc=$?
else
	lab "$bin/dmabuf_runner" --overwrite "$@" "$tests" /results || rc=$?
	before=0
	# The subtest that killed the guest counts as incomplete; the others go on.
	while [ $rc -eq 125 ] && [ ! -f "$results/endtime.txt" ]; do
		now=$(begun)
		[ "$now" -gt "$before" ] || break
		before=$now
		echo "run-tests.sh: booting again, to go on behind subtest $now" >&2
		rc=0
		lab "$bin/dmabuf_resume" /results || rc=$?
	done
fi
if [ ! -f "$results/endtime.txt" ]; then
	[ ! -f "$results/joblist.txt" ] || "$stage$bin/dmabuf_results" "$results" || :
	die "the run did not get to its end; what there is of it is in $results"
fi
"$stage$bin/dmabuf_results" "$results"
