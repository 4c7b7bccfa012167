#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the suite costs, as ratios of two things measured side by side.
set -eu

usage() {
	cat <<END
usage: benchmarks/run.sh [--kernel SPEC] [start] [runner] [many] [fast] [lab] [loop]

  start   a test that lists its subtests        against  /bin/true      aim: 1.5
  runner  dmabuf_runner on 200 trivial subtests against  igt_runner     aim: 0.6
  many    2,000 and 10,000 trivial subtests         aim: the same time a subtest, the
                                                    same memory, reports in 2 s
  fast    run-tests.sh --fast in the lab            aim: 5 s of tests
  lab     a whole run in the lab                against  the same kernel booted to an
                                                         init that powers off aim: 3
  loop    from a driver's changed .c to one verdict in source:7.2        aim: 30 s
          where that takes a module, from the kernel's                   aim: 90 s

All but the last by default, for which source:7.2 is built where it is not there. Needs hyperfine and, for the runner, igt-gpu-tools from
Debian sid, which is fetched to the cache. The kernel is the lab's default.
END
}

kernel=debian:trixie
what=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	start | runner | many | fast | lab | loop) what="$what $1" ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
what=${what:-start runner many fast lab}

top=$(cd "$(dirname "$0")/.." && pwd)
command -v hyperfine >/dev/null || { echo "hyperfine is not there (Debian: apt-get install hyperfine)" >&2; exit 2; }
"$top/scripts/run-tests.sh" --build-only
build=$top/build
stage=$build/stage
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# side_by_side WHAT UNIT FACTOR OPTIONS... OURS THEIRS: the medians and their ratio
side_by_side() {
	what_is=$1 unit=$2 factor=$3
	shift 3
	hyperfine --export-csv "$tmp/csv" "$@" >/dev/null 2>"$tmp/err" || { cat "$tmp/err" >&2; exit 1; }
	awk -F, -v what="$what_is" -v unit="$unit" -v f="$factor" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == "median") m = i - NF }
		NR > 1 { t[NR] = $(NF + m) * f }
		END { printf "%-8s %8.2f %s against %8.2f %s: ratio %.2f\n", what, t[2], unit, t[3], unit, t[2] / t[3] }
	' "$tmp/csv"
}

echo "on $(uname -sr), $(nproc) CPUs, $(date +%F)"
for w in $what; do
	case $w in
	start)
		side_by_side start ms 1000 -N --warmup 50 --runs 1000 --output null \
			"$stage/usr/libexec/dmabuf-contract/dmabuf_gup --list-subtests" /bin/true
		;;
	runner)
		"$top/scripts/fetch-igt.sh" "$tmp/tree"
		ninja -C "$build" benchmarks/trivial >/dev/null
		mkdir "$tmp/root"
		cp "$build/benchmarks/trivial" "$tmp/root/"
		printf 'TESTLIST\ntrivial\nEND TESTLIST\n' >"$tmp/root/test-list.txt"
		igt=$tmp/tree/opt/igt
		# Each writes its report too: junit.xml here, results.json there. Into a new
		# directory: ext4 looks for inodes that were not freed lately, for 5 seconds.
		side_by_side runner ms 5 -N --warmup 1 --runs 15 --output null \
			--prepare "sh -c 'mkdir -p $tmp/old; mv $tmp/new \$(mktemp -d $tmp/old/XXXXXX) 2>/dev/null; :'" \
			"$stage/usr/bin/dmabuf_runner --allow-non-root -l quiet $tmp/root $tmp/new" \
			"$igt/lib/ld-linux-x86-64.so.2 --library-path $igt/lib $igt/igt_runner.bin --allow-non-root -l quiet $tmp/root $tmp/new"
		echo "         (milliseconds a subtest)"
		;;
	many)
		ninja -C "$build" benchmarks/trivial >/dev/null
		mkdir "$tmp/many"
		"$top/benchmarks/many.py" "$stage/usr/bin/dmabuf_runner" "$stage/usr/bin/dmabuf_results" \
			"$build/benchmarks/trivial" "$tmp/many" 2000 10000
		;;
	fast)
		"$top/scripts/run-tests.sh" --fast --kernel "$kernel" -o "$tmp/fast" >"$tmp/report" 2>&1 || :
		grep '^Linux ' "$tmp/report"
		;;
	lab)
		run="$top/runner/vm/run.sh --kernel $kernel --root $stage --results"
		side_by_side lab s 1 -N -i --warmup 1 --runs 3 --output null \
			"$run $tmp/whole -- dmabuf_runner --no-report -o /usr/libexec/dmabuf-contract /results" \
			"env LAB_APPEND='rdinit=/bin/busybox -- poweroff -f' $run $tmp/bare -- true"
		"$stage/usr/bin/dmabuf_results" "$tmp/whole" >"$tmp/report" || :
		grep "^Linux " "$tmp/report"
		sed -n 's/<testsuite name="\([^"]*\)".* time="\([0-9.]*\)".*/         \1: \2 s/p' "$tmp/whole/junit.xml"
		;;
	loop)
		one=dmabuf_vma@vmflags-fd@vgem-dumb
		# What is built once: the kernel that is changed, the suite.
		"$top/scripts/run-tests.sh" --kernel source:7.2 -t $one -o "$tmp/loop" >"$tmp/report" 2>&1 || :
		tree=$("$top/runner/vm/kernel.sh" source:7.2 | sed -n 's/^build=//p')
		# turn WHAT OPTION...: the run passes
		turn() {
			changed=$1
			shift
			rm -rf "$tmp/loop"
			began=$(date +%s%N)
			"$top/scripts/run-tests.sh" --kernel source:7.2 -t $one -o "$tmp/loop" "$@" \
				>"$tmp/report" 2>&1 || { cat "$tmp/report" >&2; exit 1; }
			echo "$began $(date +%s%N) $changed" |
				awk '{ printf "loop     %8.1f s from a changed %s to the verdict of one subtest\n", ($2 - $1) / 1e9, $3 }'
		}
		# What nobody built before.
		new="static const char __used loop[] = \"$(date +%s%N)\";"
		cp -r "$tree/drivers/gpu/drm/vgem" "$tmp/"
		echo "$new" >>"$tmp/vgem/vgem_drv.c"
		turn vgem_drv.c --module "$tmp/vgem"
		mkdir -p "$tmp/a/drivers/dma-buf" "$tmp/b/drivers/dma-buf"
		cp "$tree/drivers/dma-buf/dma-buf.c" "$tmp/a/drivers/dma-buf/"
		{ cat "$tree/drivers/dma-buf/dma-buf.c"; echo "$new"; } >"$tmp/b/drivers/dma-buf/dma-buf.c"
		(cd "$tmp" && diff -ru a b >kernel.patch) || :
		turn dma-buf.c --patch "$tmp/kernel.patch"
		built=$("$top/runner/vm/kernel.sh" --patch "$tmp/kernel.patch" source:7.2 | sed -n 's/^bzimage=//p')
		rm -rf "${built%/*}" "${built%/*}.lock" "${built%/*}.log"
		;;
	esac
done
