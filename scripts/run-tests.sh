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

  --arch ARCH       the lab's machine: x86-64 (the default), or arm64 or armhf, with
                    more real drivers, or riscv64; for these the suite is
                    cross-built
  --iommu           its devices' DMA goes by way of an IOMMU (arm64)
  --kernel SPEC     debian:SUITE (trixie is the default; bookworm,
                    bookworm-backports, sid, ...), debian:SUITE/FLAVOUR (16k, of
                    arm64; armmp-lpae, of armhf), source:VERSION (built from
                    Debian's linux-source-VERSION with the lab's configuration), or
                    the path of a bzImage (arm64: Image, armhf: zImage) or of a
                    kernel's build tree. Given
                    more than once, they run side by side as far as cores and memory
                    allow, each with a folder below DIR, and there is one report
  --modules DIR     that image's modules
  --patch FILE      of source:VERSION or a build tree: apply this to a copy of it and
                    build what it changes (repeatable)
  --config SYMBOL=VALUE
                    likewise, with this configuration (repeatable)
  --kasan, --lockdep
                    likewise: a kernel that checks its own memory, its locks
  --module FILE.ko  load this one too, before the tests (repeatable); of a folder,
                    what its Kbuild makes is built for this kernel
  --host            run on this machine, not in the lab
  --disruptive      with --host: also what disturbs others who use the machine
                    (the lab always does)
  -t REGEX          run only what matches igt@BINARY@SUBTEST; given more than once,
                    what matches any of them
  -x REGEX          do not run what matches; the same
  --fast            only the ten subtests that tell most (tests/fast.txt)
  --shard I/N       of all that run only every Nth, from the Ith on
  --expectations P  what is known of the kernel, by P-fails.txt, P-flakes.txt and
                    P-skips.txt, or by what the folder P has for it (default:
                    expectations/, of Debian's kernels)
  --compare DIR     say what turned since these results, by exporter and clause, and
                    nothing else; the exit status is 0 if nothing did for the worse
  --no-expectations what is known counts as well
  -o DIR            results go to DIR, which is new or empty (default: results;
                    those of an earlier run become results.old)
  --build-only      build and install in build/stage, and stop
  --help

Exit status: 0 everything ran and nothing failed that is not known; 1 something
failed, or is known to fail and passed; 2 it could not run, or not to the end.
END
}

die() {
	echo "run-tests.sh: $*" >&2
	exit 2
}

say() {
	echo "run-tests.sh: $*" >&2
}

source=$(cd "$(dirname "$0")/.." && pwd)
arch=x86-64
kernel=debian:trixie
kernels=
iommu=
host=
disruptive=
build_only=
expectations=$source/expectations
modules=
# Of kernel.sh and run.sh, what is to be built again, a word a line.
changes=
compare=
from_source=
include=
exclude=
fast=
shard=
results=
# Of run.sh, what chooses the modules, a word a line.
options=
option() {
	options="$options$1
$2
"
}
# change SYMBOL=VALUE...
change() {
	from_source=1
	for c; do
		changes="$changes--config
$c
"
	done
}
# This script's own, but for the kernel and for where results go, likewise.
own=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel | -o | --help) ;;
	--arch | --modules | --module | --patch | --config | --expectations | --shard | -t | -x)
		own="$own$1
${2-}
"
		;;
	*)
		own="$own$1
"
		;;
	esac
	case $1 in
	--help) usage; exit 0 ;;
	--host) host=1; shift; continue ;;
	--disruptive) disruptive=1; shift; continue ;;
	--build-only) build_only=1; shift; continue ;;
	--fast) fast=1; shift; continue ;;
	--kasan) change KASAN=y KASAN_GENERIC=y KASAN_VMALLOC=y; shift; continue ;;
	--lockdep) change PROVE_LOCKING=y DEBUG_ATOMIC_SLEEP=y; shift; continue ;;
	--no-expectations) expectations=; shift; continue ;;
	--iommu)
		iommu=1
		options="$options--iommu
"
		shift
		continue
		;;
	--arch | --kernel | --modules | --patch | --config | --module | --compare | --expectations | --shard | -t | -x | -o)
		[ -n "${2-}" ] || die "$1 needs a value"
		;;
	-*) die "there is no option $1 (--help has all)" ;;
	*) die "'$1' is in the way: subtests are chosen by -t" ;;
	esac
	case $1 in
	--arch)
		arch=$2
		option "$1" "$2"
		;;
	--kernel)
		kernel=$2
		kernels="$kernels$2
"
		case $2 in
		source:*) from_source=1 ;;
		esac
		;;
	--modules)
		[ -d "$2" ] || die "there is no folder '$2' with modules"
		modules=$2
		option "$1" "$2"
		;;
	--patch)
		[ -f "$2" ] || die "there is no patch '$2'"
		from_source=1
		changes="$changes$1
$(realpath "$2")
"
		;;
	--config) change "$2" ;;
	--compare)
		[ -d "$2" ] || die "there are no results '$2'"
		# They may be moved, to become results.old.
		exec 7<"$2"
		compare=/proc/$$/fd/7
		;;
	--module)
		[ -f "$2" ] || [ -d "$2" ] || die "there is no module '$2'"
		[ ! -d "$2" ] || from_source=1
		option "$1" "$2"
		;;
	--expectations)
		[ -d "$2" ] || [ -n "$(ls "$2"-*.txt 2>/dev/null)" ] ||
			die "there is no folder '$2', nor $2-fails.txt"
		expectations=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
		;;
	--shard) shard=$2 ;;
	-t) include="${include:+$include|}$2" ;;
	-x) exclude="${exclude:+$exclude|}$2" ;;
	-o) results=$2 ;;
	esac
	shift 2
done
several=
[ "$(printf %s "$kernels" | wc -l)" -le 1 ] || several=1
[ -z "$several" ] || [ -z "$host$modules$compare" ] ||
	die "--host, --modules and --compare are for one kernel"
[ -z "$host" ] || [ -z "$kernels$options$changes" ] ||
	die "--host is this machine as it runs: kernels, modules and what changes them are for the lab"
[ -z "$disruptive" ] || [ -n "$host" ] || die "--disruptive is for --host; the lab always is"

case $arch in
x86-64) cross= ;;
arm64 | armhf | riscv64) cross=$arch ;;
*) die "the lab has no machine '$arch', but x86-64, arm64, armhf and riscv64" ;;
esac
[ -z "$iommu" ] || [ "$arch" = arm64 ] || die "the lab's $arch has no IOMMU"

# ours DIR: an earlier run's results, or nothing
ours() {
	[ -z "$(ls -A "$1" 2>/dev/null)" ] || [ -e "$1/metadata.txt" ] ||
		[ -e "$1/console.txt" ] || [ -e "$1/kernels.txt" ]
}

default=
if [ -n "$results" ]; then
	[ ! -e "$results" ] || [ -d "$results" ] || die "$results is no folder"
	[ -z "$(ls -A "$results" 2>/dev/null)" ] || die "$results is there and is not empty"
elif [ -z "$build_only" ]; then
	default=1
	results=results
	for d in results results.old; do
		[ ! -e $d ] || { [ -d $d ] && ours $d; } ||
			die "$PWD/$d holds something other than results: give a place for these with -o DIR"
	done
fi

if [ -n "$host" ]; then
	"$source/scripts/setup.sh" --host
else
	"$source/scripts/setup.sh" ${cross:+"--$cross"} ${from_source:+--source}
fi

# A signal ends what runs, not this script: it has yet to say what there is.
pid=
signal=
caught() {
	signal=$1
	[ -n "$pid" ] || die "ended by SIG$signal"
	# A group of its own, if setsid started it.
	kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :
}
# follow: waits for what was started last; its status
follow() {
	pid=$!
	rc=0
	# Not the shell's own word on how it ended.
	wait "$pid" 2>/dev/null || rc=$?
	# That was the signal, perhaps.
	while kill -0 "$pid" 2>/dev/null; do
		rc=0
		wait "$pid" 2>/dev/null || rc=$?
	done
	pid=
	return $rc
}
# job COMMAND...: fails where a signal came
job() {
	setsid "$@" &
	follow && [ -z "$signal" ]
}
ended() {
	[ -z "$signal" ] || die "ended by SIG$signal"
}
tmp=$(mktemp -d) || die "there is no place for temporary files (TMPDIR)"
env -i PATH="$PATH" setsid "$source/runner/vm/guard.sh" $$ "$tmp" </dev/null >/dev/null 2>&1 &
guard_pid=$!
export DMABUF_LAB="$tmp"
judged=
end() {
	rc=$?
	kill "$guard_pid" 2>/dev/null || :
	rm -rf "$tmp"
	# What failed else (no space, say) is no verdict.
	[ -n "$judged" ] || [ $rc -eq 0 ] || rc=2
	exit $rc
}
trap end EXIT
trap 'caught HUP' HUP
trap 'caught INT' INT
trap 'caught TERM' TERM

# find_kernel: prints where its files are, and builds it if need be
find_kernel() {
	IFS='
'
	set -f
	# shellcheck disable=SC2086 # a word a line
	set -- ${modules:+--modules
"$modules"} $changes
	set +f
	unset IFS
	job "$source/runner/vm/kernel.sh" --arch "$arch" "$@" "$kernel"
}
[ -n "$host$build_only$several" ] || find_kernel >"$tmp/kernel" || {
	ended
	exit 2
}
options=$options$changes

[ -z "$cross" ] || job "$source/runner/vm/sysroot.sh" "$arch" >"$tmp/sysroot" || {
	ended
	exit 2
}

# The suite of another machine is beside this one's, whose reports it takes.
build=$source/build
suite=$build${cross:+-$cross}
stage=$suite/stage
log=$build/run-tests.log
mkdir -p "$build" "$suite" || die "$build cannot be made"
# Its libraries may have moved since.
cross_setup() {
	if ! cmp -s "$tmp/sysroot" "$suite/sysroot"; then
		rm -rf "$suite"
		job meson setup --prefix=/usr --cross-file "$(cat "$tmp/sysroot")/cross" "$suite" "$source" &&
			cp "$tmp/sysroot" "$suite/"
	fi
}
# One at a time builds, and takes a copy.
exec 9<"$build"
if ! flock -n 9; then
	say "another run uses $build, waiting"
	job flock 9 || ended
fi
{
	{ [ -f "$build/build.ninja" ] || job meson setup --prefix=/usr "$build" "$source"; } &&
	job ninja -C "$build" ${cross:+runner/dmabuf_results} &&
	{ [ -z "$cross" ] || cross_setup; } &&
	{ [ -z "$cross" ] || job ninja -C "$suite"; } &&
	# What a test was once called must not run again.
	rm -rf "$stage" &&
	job meson install -C "$suite" --no-rebuild --destdir "$stage" &&
	# A build tree that somebody set up has meson's own prefix.
	if [ -d "$stage/usr/local" ]; then mv "$stage/usr/local"/* "$stage/usr/"; fi
} >"$log" 2>&1 9<&- || {
	ended
	tail -n 40 "$log" >&2
	die "the suite does not build: $log"
}
[ -z "$build_only" ] || exit 0
# What is known of a kernel is another thing where its devices are behind an IOMMU.
if [ -n "$iommu" ] && [ -f "$expectations/kernels" ]; then
	release=$(sed -n 's/^release=//p' "$tmp/kernel")
	name=$(while read -r glob n; do
		# shellcheck disable=SC2254 # a pattern
		case $release in $glob) echo "$n"; break ;; esac
	done <"$expectations/kernels")
	[ ! -f "$expectations/$name-iommu-fails.txt" ] || expectations=$expectations/$name-iommu
fi
# Wherever that build's prefix is.
tests=$(find "$stage" -name test-list.txt)
tests=$(dirname "${tests#"$stage"}")
bin=$(find "$stage" -name dmabuf_runner)
bin=$(dirname "${bin#"$stage"}")
known=$expectations
report=$stage$bin/dmabuf_results
# The lab has a copy. This machine can have but one run at a time, which can be
# resumed, so that it keeps the place and the lock.
if [ -n "$several" ]; then
	report=$tmp/dmabuf_results
	cp "$build/runner/dmabuf_results" "$report"
elif [ -z "$host" ]; then
	cp -a "$stage" "$tmp/stage"
	stage=$tmp/stage
	report=$tmp/dmabuf_results
	cp "$build/runner/dmabuf_results" "$report"
	if [ -n "$expectations" ]; then
		mkdir -p "$stage/etc/expectations"
		known=/etc/expectations
		if [ -d "$expectations" ]; then
			cp "$expectations"/* "$stage$known/"
		else
			cp "$expectations"-*.txt "$stage$known/"
			known=$known/$(basename "$expectations")
		fi
	fi
fi

# claim DIR: as long as fd 8 is open, no other run has it
claim() {
	exec 8<"$1"
	flock -n 8 || die "another run writes to $1: give a place for these with -o DIR"
}
made=
moved=
if [ -n "$default" ] && [ -n "$(ls -A results 2>/dev/null)" ]; then
	claim results
	if [ -e results/joblist.txt ] || [ -e results/kernels.txt ]; then
		rm -rf results.old
		mv results results.old
		moved=1
	else
		# No test was begun.
		rm -rf results
	fi
fi
[ -d "$results" ] || made=1
mkdir -p "$results" || die "$results cannot be made"
claim "$results"
results=$(cd "$results" && pwd)
# The lab's runner is in the guest, where this lock is not seen. One on this machine
# takes the lock itself.
if [ -n "$host" ]; then
	exec 8<&-
else
	exec 9<&-
fi

# So many guests side by side: each has two CPUs if there are more, and QEMU needs memory
# beside that of the guest.
at_once() {
	n=$(nproc)
	[ "$n" -le 2 ] || n=$((n / 2))
	memory=$(awk '/^MemAvailable:/ { print int($2 / 3145728) }' /proc/meminfo)
	[ "$n" -le "$memory" ] || n=$memory
	[ "$n" -ge 1 ] || n=1
	echo "$n"
}

# one NAME KERNEL: this script again. A signal is passed on to it by all_end.
one() {
	trap : HUP TERM
	IFS='
'
	set -f
	# shellcheck disable=SC2086 # a word a line
	"$source/scripts/run-tests.sh" $own --kernel "$2" -o "$results/$1" &
	set +f
	unset IFS
	pid=$!
	echo $pid >"$tmp/$1.pid"
	[ ! -e "$tmp/ended" ] || kill $pid 2>/dev/null || :
	name=$1
	rc=0
	follow || rc=$?
	rm "$tmp/$name.pid"
	echo $rc >"$tmp/$name.status"
}
all_end() {
	signal=$1
	: >"$tmp/ended"
	cat "$tmp"/*.pid 2>/dev/null | xargs -r kill 2>/dev/null || :
}

# Takes one kernel after the other that nobody else has taken, and shows how it goes.
work() {
	trap : HUP TERM
	while read -r name spec; do
		[ ! -e "$tmp/ended" ] || return 0
		mkdir "$tmp/$name.taken" 2>/dev/null || continue
		one "$name" "$spec" </dev/null 2>&1 | {
			trap '' HUP TERM
			tee "$results/$name.log" | sed -u -n -E "/^(\[|run[a-z-]*[.]sh: )/s/^/$name: /p"
		}
	done <"$results/kernels.txt"
}

if [ -n "$several" ]; then
	printf %s "$kernels" | while read -r spec; do
		case $spec in
		debian:* | source:*) name=$(echo "$spec" | tr :/ --) ;;
		*) name=$(basename "$spec" | tr -c 'A-Za-z0-9._+\n' -) ;;
		esac
		n=$(cut -d ' ' -f 1 "$results/kernels.txt" 2>/dev/null | grep -cxE "$name(-[0-9]+)?" || :)
		[ "$n" -eq 0 ] || name=$name-$((n + 1))
		echo "$name $spec" >>"$results/kernels.txt"
	done
	trap 'all_end HUP' HUP
	trap 'all_end INT' INT
	trap 'all_end TERM' TERM
	workers=
	n=$(at_once)
	while [ "$n" -gt 0 ]; do
		work 8<&- &
		workers="$workers $!"
		n=$((n - 1))
	done
	for w in $workers; do
		while kill -0 "$w" 2>/dev/null; do
			wait "$w" 2>/dev/null || :
		done
	done
	rc=0
	set --
	while read -r name spec; do
		status=$(cat "$tmp/$name.status" 2>/dev/null || echo 2)
		[ "$status" -le "$rc" ] || rc=$status
		echo "$name $spec $status" >>"$tmp/kernels.txt"
		[ ! -e "$results/$name/joblist.txt" ] || set -- "$@" "$results/$name"
		[ "$status" -lt 2 ] || say "$spec did not get to its end: $results/$name.log"
	done <"$results/kernels.txt"
	cp "$tmp/kernels.txt" "$results/"
	if [ $# -gt 0 ]; then
		"$report" ${expectations:+--expectations "$expectations"} "$@" >"$results/report.txt" || :
		cat "$results/report.txt"
		"$report" ${expectations:+--expectations "$expectations"} --html "$results/report.html" "$@" || :
		echo "all of it, side by side: $results/report.html"
	fi
	ended
	judged=1
	exit $rc
fi

testroot=$tests
[ -z "$host" ] || testroot=$stage$tests
# The runner's own arguments. The guest may be booted more than once, so that matrix
# and junit.xml come once all is done; here whoever resumes the run has them, too.
set --
[ -n "$host" ] || set -- --no-report -e DMABUF_DEATHS=/results/deaths.txt
[ -z "$known" ] || set -- "$@" --expectations "$known"
[ -z "$fast" ] || set -- "$@" --test-list "$testroot/fast.txt"
[ -z "$shard" ] || set -- "$@" --shard "$shard"
[ -z "$include" ] || set -- "$@" -t "$include"
[ -z "$exclude" ] || set -- "$@" -x "$exclude"
[ -z "${DMABUF_EXPORTERS-}" ] || set -- "$@" -e "DMABUF_EXPORTERS=$DMABUF_EXPORTERS"

run_here() {
	if [ "$(id -u)" != 0 ]; then
		say "not root: what only root may do (RDMA, most of /dev/dri and /dev/dma_heap, page map counts) is skipped"
		set -- --allow-non-root "$@"
	fi
	unset DMABUF_DISRUPTIVE
	[ -z "$disruptive" ] || export DMABUF_DISRUPTIVE=1
	"$stage$bin/dmabuf_runner" --overwrite "$@" "$stage$tests" "$results" 9<&- &
	follow
}

# lab COMMAND ARG...
lab() {
	IFS='
'
	set -f
	# A test that hangs is ended by the runner after 120 seconds.
	# shellcheck disable=SC2086 # a word a line
	setsid "$source/runner/vm/run.sh" --kernel "$kernel" $options --root "$stage" \
		--results "$results" --inactivity 150 -- "$@" &
	set +f
	unset IFS
	follow
}

# Subtests that were begun: each has a directory, N.
begun() {
	find "$results" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' | wc -l
}

# What the kernel said last, in short: its first complaint, and the functions of modules
# that it came through.
last_words() {
	tr -d '\r' <"$results/console.txt" | awk '
		{ sub(/^\[ *[0-9.]*\] /, "") }
		!said && /kernel BUG at|^BUG: |Unable to handle|Internal error|Kernel panic/ { said = $0 }
		said && n < 2 && / \[[a-z0-9_]+\]$/ {
			sub(/^ *(pc : |lr : )?/, ""); sub(/\+0x[0-9a-f]*\/0x[0-9a-f]*/, "")
			if (!index(said, $1 " ")) { said = said ", " $0; n++ }
		}
		END { print said ? said : "without a word" }'
}

rc=0
if [ -n "$host" ]; then
	run_here "$@" || rc=$?
else
	lab "$bin/dmabuf_runner" --overwrite "$@" "$tests" /results || rc=$?
	before=0
	# The subtest that killed the guest counts as incomplete; the others go on.
	while [ $rc -eq 125 ] && [ -z "$signal" ] && [ ! -f "$results/endtime.txt" ]; do
		now=$(begun)
		[ "$now" -gt "$before" ] || break
		before=$now
		# A test that had said what it would try is to be run again: it has a verdict
		# about that now, and about the others.
		trying=$(tail -n 1 "$results/deaths.txt" 2>/dev/null | sed -n 's/^tries //p')
		if [ -n "$trying" ]; then
			echo "died $trying: $(last_words)" >>"$results/deaths.txt"
			rm -rf "${results:?}/$((now - 1))"
			before=$((now - 1))
			say "booting again, to go on with subtest $now"
		else
			say "booting again, to go on behind subtest $now"
		fi
		rc=0
		lab "$bin/dmabuf_resume" /results || rc=$?
	done
fi

# Nothing was run, and why is said. A kernel that did not boot leaves its console.
if [ ! -f "$results/joblist.txt" ]; then
	if [ $rc -ne 125 ]; then
		rm -f "$results/console.txt" "$results/.guest"
		[ -z "$made" ] || rmdir "$results" 2>/dev/null || :
		[ -z "$moved" ] || [ -e results ] || mv results.old results
	fi
	[ -z "$signal" ] || die "ended by SIG$signal before the tests began"
	exit 2
fi
if [ ! -f "$results/endtime.txt" ]; then
	[ -n "$host" ] || "$report" \
		${expectations:+--expectations "$expectations"} "$results" || :
	die "the run did not get to its end${signal:+ (SIG$signal)}; what there is of it is in $results"
fi
judged=1
if [ -n "$compare" ]; then
	"$report" ${expectations:+--expectations "$expectations"} "$results" >/dev/null || :
	rc=0
	"$report" ${expectations:+--expectations "$expectations"} --compare "$compare" "$results" || rc=$?
	exit $rc
fi
[ -z "$host" ] || exit $rc
rc=0
"$report" ${expectations:+--expectations "$expectations"} "$results" >"$tmp/report" || rc=$?
cat "$tmp/report"

# The guest's command that comes to the first failure again.
alone=$(sed -n 's/^ *run it alone: //p' "$tmp/report" | head -n 1)
if [ -n "$alone" ]; then
	IFS='
'
	set -f
	# shellcheck disable=SC2086 # a word a line
	set -- "$source/runner/vm/run.sh" --kernel "$kernel" $options --root "$suite/stage" --results /tmp/one
	set +f
	unset IFS
	for word; do
		case $word in
		*[!A-Za-z0-9_.,:+/=-]*) word="'$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'" ;;
		esac
		printf '%s ' "$word"
	done >"$tmp/command"
	printf 'the first of these in the lab, alone:\n  %s-- %s/%s\n' "$(cat "$tmp/command")" "$tests" "$alone"
fi
exit $rc
