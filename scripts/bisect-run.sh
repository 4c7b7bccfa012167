#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One step of git bisect: builds a kernel's tree as it is, asks the suite one question.
set -eu

usage() {
	cat <<END
usage: git bisect run .../bisect-run.sh --kernel TREE [OPTION]... -t SUBTEST [-- EXPORTER]

Builds TREE, where it was built before, with what has changed (make olddefconfig,
bzImage modules), and runs SUBTEST, a regular expression for igt@BINARY@SUBTEST, of
EXPORTER or of all exporters, in the lab; --modules, --module and --config are those of
run-tests.sh.
What was built and run, and why there is no verdict: TREE/../bisect-run.log, or
\$DMABUF_BISECT_LOG.

Exit status, as git bisect run has it: 0 good, all that was judged passed; 1 bad,
something failed; 125 it cannot say: it does not build or does not boot, or nothing
was judged, as the exporter is not there; 128 the command is wrong.
END
}

die() {
	echo "bisect-run.sh: $*" >&2
	exit 128
}

top=$(cd "$(dirname "$0")/.." && pwd)
tree=
subtest=
# Of run-tests.sh, a word a line.
options=
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--) shift; break ;;
	--kernel | --modules | --module | --config | -t) [ -n "${2-}" ] || die "$1 needs a value" ;;
	*) usage >&2; exit 128 ;;
	esac
	case $1 in
	--kernel) tree=$2 ;;
	-t) subtest=$2 ;;
	*) options="$options$1
$2
" ;;
	esac
	shift 2
done
[ -n "$tree" ] && [ -n "$subtest" ] && [ $# -le 1 ] || { usage >&2; exit 128; }
[ -f "$tree/Makefile" ] || die "$tree is no kernel's tree"
[ -f "$tree/.config" ] || die "in $tree no kernel was configured: build it once with what the lab needs (docs/running.md)"
tree=$(cd "$tree" && pwd)
log=${DMABUF_BISECT_LOG:-$tree/../bisect-run.log}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# 128 and more end the whole bisection.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cannot() {
	echo "bisect-run.sh: skipped: $*" | tee -a "$log"
	exit 125
}

# Why nothing was run or judged: if there is no such subtest there is none in any commit.
nothing() {
	tests=$(find "$top/build/stage" -name test-list.txt)
	for t in $(grep -w 'dmabuf_[a-z]*' -o "$tests"); do
		"${tests%/*}/$t" --list-subtests | sed "s/^/igt@$t@/"
	done | grep -qP -- "$subtest" || die "no subtest is called '$subtest'"
	cannot "$1 ($log)"
}

{
	echo "== $(date '+%F %T') $(git -C "$tree" log -1 --format='%h %s' 2>/dev/null || :)"
	make -C "$tree" olddefconfig </dev/null &&
	make -C "$tree" -j"$(nproc)" bzImage modules </dev/null
} >>"$log" 2>&1 || cannot "it does not build ($log)"

rc=0
(
	IFS='
'
	set -f
	# shellcheck disable=SC2086 # a word a line
	exec "$top/scripts/run-tests.sh" --kernel "$tree" $options --no-expectations \
		-t "$subtest${1:+@$1\$}" -o "$work/results"
) >>"$log" 2>&1 || rc=$?
[ -s "$work/results/results.json" ] || nothing "it does not boot"

# The verdicts of what was asked for.
python3 - "$work/results/results.json" "$subtest" "${1-}" >"$work/verdicts" <<'END'
import json, re, sys
path, subtest, exporter = sys.argv[1:]
for key, test in json.load(open(path))['tests'].items():
    name, _, dynamic = key.removeprefix('igt@').partition('@')[2].partition('@')
    if dynamic and (not exporter or dynamic.lower() == exporter.lower()):
        print(test['result'], key)
END
grep -vE '^(pass|skip|notrun) ' "$work/verdicts" >"$work/bad" && {
	echo "bisect-run.sh: bad: $(head -n 1 "$work/bad")" | tee -a "$log"
	exit 1
}
grep -q '^pass ' "$work/verdicts" || nothing "nothing was judged of $subtest${1:+@$1}, status $rc"
echo "bisect-run.sh: good: $(grep '^pass ' "$work/verdicts" | head -n 1)" | tee -a "$log"
