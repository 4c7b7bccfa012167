#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Looks for what breaks the readers of results and of what tests print.
set -eu

usage() {
	cat <<END
usage: fuzz.sh [--seconds N] [--keep DIR] [READER...]

Gives the runner's readers (all of: results expectations output run list) what libFuzzer
makes of runner/tests/corpus, one after the other and N seconds each (default 60), with
the address and the undefined behaviour sanitizers on, 256 MiB of memory and 20 seconds.
Files on which a reader crashed, took more, or wrote bad XML are left in DIR/found/READER
(default: build/fuzz): mend it, and put one of a kind into runner/tests/corpus/READER,
which "meson test" replays. Exit status: 1 if there were any.
END
}

seconds=60
keep=
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--seconds | --keep) [ $# -ge 2 ] || { usage >&2; exit 2; } ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	case $1 in
	--seconds) seconds=$2 ;;
	--keep) keep=$2 ;;
	esac
	shift 2
done
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
keep=${keep:-build/fuzz}
[ $# -gt 0 ] || set -- results expectations output run list
command -v clang >/dev/null || { echo "fuzz.sh: clang is not there" >&2; exit 2; }

mkdir -p "$keep"
keep=$(cd "$keep" && pwd)
tree=$keep/tree
sanitizers='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
[ -f "$tree/build.ninja" ] || CC=clang meson setup -Dfuzz=true \
	-Dc_args="-DFUZZING -g -O1 $sanitizers" -Dc_link_args="$sanitizers" "$tree" >"$keep/log" || {
	cat "$keep/log"
	exit 2
}
ninja -C "$tree" runner/tests/fuzz >"$keep/log" || { cat "$keep/log"; exit 2; }

found=0
for reader; do
	export FUZZ_READER="$reader"
	mkdir -p "$keep/$reader" "$keep/found/$reader"
	rm -f "$keep/found/$reader"/*
	end=$(($(date +%s) + seconds))
	runs=0
	# A reader frees little: its program ends when it has read.
	while
		left=$((end - $(date +%s)))
		[ $left -gt 0 ]
	do
		ASAN_OPTIONS=detect_leaks=0 "$tree/runner/tests/fuzz" -max_total_time=$left -runs=5000 \
			-timeout=20 -report_slow_units=20 -rss_limit_mb=4096 -malloc_limit_mb=256 -max_len=20000 -len_control=0 \
			-close_fd_mask=2 -dict=runner/tests/fuzz.dict -print_final_stats=1 \
			-artifact_prefix="$keep/found/$reader/" "$keep/$reader" "runner/tests/corpus/$reader" \
			>"$keep/log" 2>&1 </dev/null || tail -n 40 "$keep/log"
		n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$keep/log")
		runs=$((runs + ${n:-0}))
	done
	bad=$(find "$keep/found/$reader" -type f | wc -l)
	found=$((found + bad))
	echo "$reader: $runs inputs, $bad found"
done
rm -rf /dev/shm/fuzz.??????
[ $found -eq 0 ]
