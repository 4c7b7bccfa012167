#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The project's own tests: the units, and runs in the lab whose verdicts are known.
set -u

usage() {
	cat <<END
usage: scripts/check.sh [--no-lab | --source] [--all-machines] [--mutants] [--survives]
                        [--kernel-patches] [--keep DIR]

Builds with gcc and clang, runs the unit tests, then the lab on Debian's kernels
of bookworm (6.1), trixie (6.12) and sid (7.2), and checks that every verdict is
the right one, that the real igt_runner comes to the same, and that bad input is
refused. Ends with "N passed, N failed, N skipped"; exit status 0 if none failed.

  --no-lab     only what needs no virtual machine
  --source     also kernels that are built from source, which takes long the first
               time: 6.1, whose udmabuf and CMA heap break the contract, and 7.2, also
               with KASAN and with lockdep
  --all-machines
               on arm64 every subtest, on 6.12 and 7.2, without and behind an IOMMU, else
               those that tell most, on 7.2; armhf, on 7.2; and riscv64
  --mutants    also 50 violators drawn at random, with the date as the seed, none of
               which may survive
  --kernel-patches
               also the patches of contrib/kernel, which builds a kernel for each, and a
               bisection
  --survives   also what takes long of what a run survives: 100 kills, 1 GB, the lab
  --keep DIR   leave the results of all runs in DIR
END
}

lab=1
source=
mutants=
kernel_patches=
survives=
all_machines=
keep=
while [ $# -gt 0 ]; do
	case $1 in
	--no-lab) lab= ;;
	--source) source=1 ;;
	--mutants) mutants=1 ;;
	--kernel-patches) kernel_patches=1 ;;
	--survives) survives='--kills 100 --flood --lab' ;;
	--all-machines) all_machines=1 ;;
	--keep) [ $# -ge 2 ] || { usage >&2; exit 2; }; keep=$2; shift ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
[ -z "$keep" ] || mkdir -p "$keep" || exit 2
passed=0
failed=0
skipped=0

good() {
	passed=$((passed + 1))
	echo "ok       $*"
}
bad() {
	failed=$((failed + 1))
	echo "FAILED   $*"
}
# check WHAT COMMAND...
check() {
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		good "$what"
	else
		bad "$what"
		tail -n 30 "$work/log" | sed 's/^/         /'
	fi
}
# refused WHAT STATUS WORDS COMMAND...: it must exit with STATUS and say WORDS
refused() {
	what=$1 want=$2 words=$3
	shift 3
	"$@" >"$work/log" 2>&1 </dev/null
	is=$?
	if [ $is -eq "$want" ] && grep -q -- "$words" "$work/log"; then
		good "$what"
	else
		bad "$what: exit status $is, not $want, or nothing says '$words'"
		tail -n 10 "$work/log" | sed 's/^/         /'
	fi
}

# each WHAT COMMAND...: it says "ok ..." or "FAILED ..." of each thing that it checks
each() {
	what=$1
	shift
	"$@" >"$work/log" 2>"$work/err" || :
	while read -r word rest; do
		case $word in
		ok) good "$what: $rest" ;;
		FAILED) bad "$what: $rest" ;;
		*) echo "         $word $rest" ;;
		esac
	done <"$work/log"
}

scripts/setup.sh --check || exit 2

each 'kernels from source' scripts/check-source.sh

# Every compiler that is there, and none may have anything to say.
for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skipped=$((skipped + 1))
		echo "skipped  build with $cc: it is not there"
		continue
	fi
	check "build with $cc, without a warning" sh -c "
		CC=$cc meson setup --werror '$work/$cc' && ninja -C '$work/$cc'"
done

scripts/run-tests.sh --build-only >"$work/log" 2>&1 || {
	cat "$work/log"
	echo "check.sh: the build failed" >&2
	exit 2
}
stage=$top/build/stage
tests=usr/libexec/dmabuf-contract

meson test -C build >"$work/log" 2>&1 || {
	sed -n '/^FAIL/,$p' build/meson-logs/testlog.txt
	cat "$work/log"
}
for kind in Ok:passed Fail:failed Timeout:failed Skipped:skipped; do
	n=$(sed -n "s/^${kind%:*}: *\([0-9]*\)$/\1/p" "$work/log")
	eval "${kind#*:}=\$((${kind#*:} + ${n:-0}))"
done
echo "units: $(grep -E '^(Ok|Fail|Skipped|Timeout):' "$work/log" | tr -s ' \n' ' ')"

# What every test binary owes to IGT, without a device.
for test in $(sed '1d;$d' "$stage/$tests/test-list.txt"); do
	check "$test describes all its subtests" sh -c "
		'$stage/$tests/$test' --describe >'$work/described' &&
		! grep -q 'NO DOCUMENTATION' '$work/described' &&
		[ \$(grep -c ^SUB '$work/described') -eq \$('$stage/$tests/$test' --list-subtests | wc -l) ]"
done
refused 'an unknown subtest' 79 'nknown subtest' "$stage/$tests/dmabuf_gup" --run-subtest nothing

# By their exit status alone tests are judged as by what they print, those that crash and
# abort, too. Not by what they print: a run that is aborted, a test that ends without a
# result, and one whose exit handler fails, or whose parts have names that are none.
mkdir "$work/core"
cp build/lib/tests/core "$work/core/"
printf 'TESTLIST\ncore\nEND TESTLIST\n' >"$work/core/test-list.txt"
scripts/like-deqp.sh "$work/core" >"$work/all-cases"
refused 'an abort is no skip to igt-runner' 0 '^core@abort-run,Crash$' cat "$work/all-cases"
not_told='^(igt@)?core@(abort-run|.*-unended|handler-fails|dynamic-invalid)'
grep -vE "$not_told," "$work/all-cases" >"$work/cases"
build/runner/dmabuf_runner --allow-non-root -l quiet -x "$not_told\$" "$work/core" "$work/core/results" \
	>"$work/log" 2>&1
check 'its verdicts are ours, on tests that end in every way' scripts/compare-deqp.py \
	"$work/core/results/results.json" "$work/cases" Pass Fail Skip Crash

# What docs/ci has for other harnesses, as far as their readers are here.
for file in docs/ci/*.y*ml; do
	check "$file is YAML" /usr/bin/python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$file"
done
mkdir "$work/lava"
printf '#!/bin/sh\necho "$@"\n' >"$work/lava/lava-test-case"
chmod +x "$work/lava/lava-test-case"
refused 'a crash is a failure for LAVA, not a skip' 0 '^core.dynamic-crashes.bad --result fail$' \
	env PATH="$work/lava:$PATH" docs/ci/lava-cases.sh "$work/core/results/junit.xml"
check 'and each testcase of junit.xml is a test case of LAVA' test \
	"$(wc -l <"$work/log")" -eq "$(grep -c '^<testcase' "$work/core/results/junit.xml")"

# What is drawn follows from the seed alone.
check 'a seed draws the same mutants again' sh -c "
	scripts/mutants --seed 1 --list >'$work/drawn' && scripts/mutants --seed 1 --list |
		diff '$work/drawn' - && scripts/mutants --seed 2 --list >'$work/other' &&
	! diff -q '$work/drawn' '$work/other'"

# What a reader types.
if [ -n "$lab" ]; then
	each docs scripts/check-docs.py "$work/docs"
else
	each docs scripts/check-docs.py --no-lab "$work/docs"
fi
grep -q '^ok ' "$work/log" || { bad 'docs: it did not run'; cat "$work/err"; }

# LAVA's own schemas and its lava-run, unpacked: to install it is to install libguestfs and
# an init system, which this job needs nothing of.
lava="$work/lava/usr/lib/python3/dist-packages"
# shellcheck disable=SC2046 # words
if runner/vm/archive.sh "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$work/lava" lava-common \
	lava-dispatcher lava-dispatcher-host $(printf 'python3-%s ' voluptuous configobj pexpect ptyprocess jinja2 \
		markupsafe tz pyudev magic setproctitle netifaces requests urllib3 chardet idna certifi six) \
	>"$work/log" 2>&1; then
	: >"$lava/guestfs.py"
	check 'LAVA takes the jobs and the test definition of docs/ci' env PYTHONPATH="$lava" /usr/bin/python3 -c '
import yaml
from lava_common.schemas import validate
from lava_common.schemas.test import testdef
for job in "lava-job", "lava-lab":
	validate(yaml.safe_load(open(f"docs/ci/{job}.yaml")), strict=True)
testdef.validate(yaml.safe_load(open("docs/ci/lava-test.yaml")))
'
else
	lava=
	bad 'lava-dispatcher cannot be fetched'
	cat "$work/log"
fi
# It works in /var/lib/lava.
if [ -n "$lava" ] && [ -n "$lab" ] && [ "$(id -u)" -eq 0 ]; then
	check 'lava-run runs the job of docs/ci in the lab' sh -c "
		PYTHONPATH='$lava' RESULTS='$work/lava-results' /usr/bin/python3 '$work/lava/usr/bin/lava-run' \
			--job-id 1 --output-dir '$work/lava-job' --device docs/ci/lava-lab-device.yaml \
			docs/ci/lava-lab.yaml >'$work/lava.log' 2>&1"
	sed -n 's/.*"test_case_id": "\([^"]*\)".*"result": "\([a-z]*\)".*/\1 --result \2/p' "$work/lava.log" >"$work/told"
	check 'and has a test case for each testcase of junit.xml' sh -c "
		PATH='$work/lava:$PATH' docs/ci/lava-cases.sh '$work/lava-results/junit.xml' >'$work/cases' &&
		test -s '$work/cases' && diff '$work/told' '$work/cases'"
else
	skipped=$((skipped + 1))
	echo "skipped  lava-run: it needs root and the lab"
fi

# What the runner survives, which takes mounts of its own.
if [ "$(id -u)" -eq 0 ]; then
	# shellcheck disable=SC2086 # words
	each survives scripts/check-survives.py $survives "$work/survives"
	grep -q '^ok two runs' "$work/log" || { bad 'survives: it did not run'; cat "$work/err"; }
else
	skipped=$((skipped + 1))
	echo "skipped  what the runner survives: it takes root"
fi

# What drivers' ioctls look like, by the newest headers that there are.
if runner/vm/archive.sh sid "$work/headers" linux-libc-dev >"$work/log" 2>&1; then
	check "lib/drm_abi.h says what the kernel's headers say" \
		scripts/check-abi.py "$work/headers/usr/include"
else
	bad "the kernel's headers cannot be fetched"
	cat "$work/log"
fi

# Bad input to the command of the README.
run=scripts/run-tests.sh
mkdir "$work/full"
touch "$work/full/file"
refused 'a results path that is in use' 2 'not empty' $run -o "$work/full"
refused 'a regular expression that is none' 2 "'('" $run --host -t '(' -o "$work/n1"
refused 'an option that is none' 2 "no option --frobnicate" $run --frobnicate
refused 'this machine with another kernel' 2 'for the lab' $run --host --kernel debian:sid -o "$work/n5"
refused 'a file that is no kernel' 2 bzImage $run --kernel /etc/passwd -o "$work/n2"
refused 'a kernel that is not there' 2 'nothing' $run --kernel "$work/nothing" -o "$work/n3"
refused 'a module that is not there' 2 'nothing.ko' $run --module "$work/nothing.ko" -o "$work/n4"

# flat JUNIT: "verdict binary subtest [dynamic]" a line
flat() {
	awk -F '"' '
		/^<testcase/ { verdict = "pass"; class = $2; name = $4; sub(/[.]/, " ", class) }
		/^<skipped/ { verdict = "skip" }
		/^<(failure|error) message=/ { verdict = $4 }
		/^<testcase.*\/>$/ || /^<\/testcase/ { print verdict, class, name }
	' "$1" | LC_ALL=C sort
}
# lines N WHAT REGEX: so many lines of the last run are like this
lines() {
	n=$(grep -cE "$3" "$work/flat")
	if [ "$n" -eq "$1" ]; then
		good "$suite: $2 ($n)"
	else
		bad "$suite: $2: $n, not $1"
		grep -E "$3" "$work/flat" | head -n 40 | sed 's/^/         /'
	fi
}
# accused REGEX: of the last run, nothing else has a verdict other than pass and skip
accused() {
	grep -vE "^(pass|skip) |$1" "$work/flat" >"$work/others"
	if [ -s "$work/flat" ] && [ ! -s "$work/others" ]; then
		good "$suite: no exporter is accused but for what is known of this kernel"
	else
		bad "$suite: $(wc -l <"$work/others") verdicts against exporters that obey"
		sed 's/^/         /' "$work/others"
	fi
}
# lab_run SUITE STATUS
lab_run() {
	suite=$1
	rm -rf "$work/$suite"
	$run --no-expectations --kernel "debian:$suite" -o "$work/$suite" >"$work/$suite.log" 2>&1
	is=$?
	release=$(cut -d ' ' -f 3 "$work/$suite/uname.txt" 2>/dev/null)
	if [ $is -eq "$2" ]; then
		good "$suite: run-tests.sh on ${release:-no kernel} ends with status $is"
	else
		bad "$suite: run-tests.sh ended with status $is, not $2"
		tail -n 30 "$work/$suite.log" | sed 's/^/         /'
	fi
	if [ -e "$work/$suite/junit.xml" ]; then
		flat "$work/$suite/junit.xml" >"$work/flat"
	else
		: >"$work/flat"
	fi
	check "$suite: junit.xml is valid" xmllint --noout --schema runner/junit.xsd "$work/$suite/junit.xml"
	check "$suite: junitparser takes it, and it names the kernel" /usr/bin/python3 -c '
import junitparser, sys
xml = junitparser.JUnitXml.fromfile(sys.argv[1])
assert sum(len(list(suite)) for suite in xml) == xml.tests > 0
for suite in xml:
	assert {p.name: p.value for p in suite.properties()}["kernel"] == sys.argv[2]
' "$work/$suite/junit.xml" "$release"
	check "$suite: no line of the report's matrix is too long" sh -c "
		grep -E ' (pass|FAIL|skip|warn|\\.) ' '$work/$suite.log' | grep -v '^ ' | awk 'length > 100 { exit 1 }'"
	[ -z "$keep" ] || { rm -rf "$keep/$suite"; cp -r "$work/$suite" "$keep/$suite"; cp "$work/$suite.log" "$keep/"; }
}

# known SUITE: its faults are those that are known, and none else is
known() {
	suite=$1
	name=$(awk -v release="$release" '$1 !~ /^#/ { print $1, $2 }' expectations/kernels | while read -r glob n; do
		# shellcheck disable=SC2254 # a pattern
		case $release in $glob) echo "$n"; break ;; esac
	done)
	[ ! -e "$work/$suite/junit.xml" ] || cp -r "$work/$suite" "$work/known"
	mkdir -p "$work/known" "$work/less"
	cp expectations/* "$work/less"
	refused "$suite: what is known of it is all that fails" 0 "^known faults, by .*$name" \
		build/runner/dmabuf_results --expectations expectations "$work/known"
	check "$suite: that takes 40 lines at most" test "$(wc -l <"$work/log")" -le 40
	sed -i '/@\[a-z0-9-\]+-fd@vivid/d' "$work/less/$name-fails.txt"
	refused "$suite: one of them taken out is a finding" 1 '^vivid-capture, vivid-output: PFNMAP' \
		build/runner/dmabuf_results --expectations "$work/less" "$work/known"
	first=$(sed '/^$/d' "$work/log" | head -n 1)
	check "$suite: and it is on top" test "${first#vivid-capture, vivid-output: PFNMAP}" != "$first"
	cp expectations/* "$work/less"
	echo 'dmabuf_vma@vmflags-fd@radeon-dumb,Fail' >>"$work/less/$name-fails.txt"
	refused "$suite: what is expected to fail and passes is said" 1 '^ *igt@dmabuf_vma@vmflags-fd@radeon-dumb' \
		build/runner/dmabuf_results --expectations "$work/less" "$work/known"
	rm -rf "$work/known" "$work/less"
}

# Faults of released kernels, which docs/findings.md tells of: the GEM shmem helper
# maps the wrong page where a VMA does not begin at the buffer's start, and TTM's
# vm_ops->access writes to what is read-only; since 7.1 the helper gives a KVM guest no page
# to write to; and vivid, that breaks the contract.
wrong_page='(bounds (offset|part)|variants (last-page|middle|munmap-(first|middle)|mprotect-(page|rest|back)))-(fd|native)'
no_store='notify kvm-(load|store)-(fd|native)'
vivid=' vivid-(capture|output)$'
# The exerciser finds what the others find.
walks='^fail dmabuf_exercise (walk|cases)'

if [ -n "$lab" ]; then
	# Users of get_user_pages that every suite has, those that are io_uring's, and the
	# one that may pass but not tell of vivid.
	any_gup='o-direct-read|o-direct-write|aio-read|vmsplice|process-vm-readv|process-vm-writev'
	any_gup="$any_gup|get-mempolicy|msg-zerocopy|io-uring-send-zc|af-xdp-umem|v4l2-userptr"
	any_gup="$any_gup|nvme-passthrough|scsi-passthrough|rdma-reg-mr|rdma-reg-mr-read"
	io_uring='io-uring-fixed|io-uring-update|io-uring-buf-ring'
	mute=futex-shared
	# Those of GPUs and accelerators that no machine here has.
	no_gpu='(amdgpu|amdxdna|etnaviv|i915|ivpu|radeon|xe)-userptr'
	state='(touched|untouched)'

	for suite in trixie sid bookworm; do
		case $suite in
		bookworm) exporters='vgem-dumb virtio_gpu-dumb qxl-dumb radeon-dumb radeon-vram'
			imports= ;;
		*) exporters='heap-system udmabuf-memfd udmabuf-hugetlb udmabuf-list vgem-dumb
			virtio_gpu-dumb bochs-drm-dumb qxl-dumb radeon-dumb radeon-vram'
			imports=vgem-import ;;
		esac
		exporters="$exporters qxl-vram qxl-surface vivid-capture-mplane vivid-output-mplane
			vivid-capture-mplane-noncoherent vivid-output-mplane-noncoherent"
		shmem='(vgem-dumb|virtio_gpu-dumb)'
		ttm='none'
		no_guest='none'
		case $suite in
		trixie) ttm='(qxl-dumb|bochs-drm-dumb)' ;;
		sid) shmem='(vgem-dumb|virtio_gpu-dumb|bochs-drm-dumb)' ttm='qxl-dumb' no_guest=$shmem ;;
		esac
		lab_run $suite 1
		known $suite
		for e in $exporters $imports vivid-capture vivid-output; do
			lines 1 "$e is there" "^pass dmabuf_find expected $e\$"
		done
		lines $(($(echo $exporters $imports | wc -w) + 2)) 'nothing else was expected' '^[a-z-]+ dmabuf_find expected '
		accused "$vivid|^fail dmabuf_$wrong_page $shmem\$|^fail dmabuf_ro fd-proc-mem $ttm\$|^fail dmabuf_$no_store $no_guest\$|$walks ($shmem|$ttm)\$"
		lines $((15 * $(echo "$shmem" | tr '|' '\n' | wc -l))) 'the shmem helper maps wrong pages' \
			"^fail dmabuf_$wrong_page $shmem\$"
		[ $suite = bookworm ] || lines "$(echo "$ttm" | tr '|' '\n' | wc -l)" \
			'TTM writes to what is read-only' "^fail dmabuf_ro fd-proc-mem $ttm\$"
		[ $suite != sid ] || lines $((4 * $(echo "$no_guest" | tr '|' '\n' | wc -l))) \
			'the shmem helper gives a KVM guest no page to write to' "^fail dmabuf_$no_store $no_guest\$"
		n=$(grep '^skip ' "$work/flat" | grep -vcE "dmabuf_gup $no_gpu-")
		if [ $suite != trixie ] || [ "$n" -lt 60 ]; then
			good "$suite: $n skips"
		else
			bad "$suite: $n skips, and there are to be fewer than 60"
		fi
		# Beside that the kernel did not warn, which is seen of what is skipped, too.
		check "$suite: every pass says what it saw" awk '
			/^Starting dynamic/ { saw = 0 }
			/^Saw: / && !/^Saw: WARN/ { saw = 1 }
			/^Dynamic subtest .*: SUCCESS/ && !saw { print FILENAME ": " $0; bad = 1 }
			END { exit bad }' "$work/$suite"/[0-9]*/out.txt
		lines 2 'vivid breaks PFNMAP' "^fail dmabuf_vma vmflags-fd$vivid"
		lines 4 'vivid breaks ACCOUNT' "^fail dmabuf_vma (rss|pagemap)-fd$vivid"
		lines 2 'vivid reads back what was written' "^pass dmabuf_cpu readwrite-fd$vivid"
		lines 4 'a futex says nothing of vivid' "^skip dmabuf_gup $mute-fd-$state$vivid"
		if [ $suite = bookworm ]; then
			lines 60 'vivid lets every GUP user in, but io_uring' "^fail dmabuf_gup ($any_gup)-fd-$state$vivid"
			lines 12 'io_uring says nothing of vivid' "^skip dmabuf_gup ($io_uring)-fd-$state$vivid"
			continue
		fi
		gup="$any_gup|$io_uring|io-uring-no-mmap"
		[ $suite = trixie ] || gup="$gup|rdma-on-demand"
		users=$(echo "$gup" | tr '|' '\n' | wc -l)
		lines $((users * 4)) 'vivid lets every GUP user in' "^fail dmabuf_gup ($gup)-fd-$state$vivid"
		gup="($gup|$mute)"
		users=$((users + 1))
		for e in $exporters; do
			lines $((users * 2)) "every GUP user is refused by $e" "^pass dmabuf_gup $gup-fd-$state $e\$"
			lines 3 "$e looks as it must" "^pass dmabuf_vma (vmflags|rss|pagemap)-fd $e\$"
			lines 1 "a KVM guest cannot write to $e where it is read-only" \
				"^pass dmabuf_notify kvm-ro-fd $e\$"
			echo "$e" | grep -qE "^$no_guest\$" || lines 2 "a KVM guest may be the first to use $e" \
				"^pass dmabuf_notify kvm-(load|store)-fd $e\$"
			lines 5 "CPU access to $e works" "^pass dmabuf_cpu [a-z-]+-fd $e\$"
		done
		for e in $imports; do
			lines 3 "what $e maps looks as it must" \
				"^pass dmabuf_vma (vmflags|rss|pagemap)-import $e\$"
			lines 10 "GUP users are refused by what $e maps" \
				"^pass dmabuf_gup [a-z-]+-import-$state $e\$"
		done
		moves='(contents|race|refused-(vmsplice|o-direct-read|o-direct-write|io-uring-fixed))-(fd|native)'
		lines 12 'radeon moves a buffer, and obeys' "^pass dmabuf_move $moves radeon-vram\$"
		[ $suite = sid ] || lines 12 'bochs moves a buffer, and obeys' "^pass dmabuf_move $moves bochs-drm-dumb\$"
		[ $suite = trixie ] || lines 4 'nothing is claimed of bochs, which does not move here' \
			"^skip dmabuf_move (contents|race)-(fd|native) bochs-drm-dumb\$"
		movers='radeon-vram|bochs-drm-dumb'
		[ $suite = trixie ] || movers=radeon-vram
		lines $((2 * $(echo "$movers" | tr '|' '\n' | wc -l))) 'a KVM guest follows' \
			"^pass dmabuf_notify kvm-move-(fd|native) ($movers)\$"
	done

	# The same kernel again: the same names, the same verdicts.
	flat "$work/trixie/junit.xml" >"$work/first"
	mv "$work/trixie" "$work/trixie.first"
	lab_run trixie 1
	check 'a second run comes to the same' diff "$work/first" "$work/flat"

	# On a machine that has exporters, without the lab's scripts.
	each host scripts/check-host.sh "$work/host"
	grep -q '^ok a source tree, whole' "$work/log" || bad 'host: it did not get to its end'

	# The calibration module: every way to break the contract is found, by its clause,
	# and nothing that keeps it is accused.
	mkdir -p "$work/calib/usr/bin"
	check 'what proves the calibration module builds' \
		cc -O2 -Wall -pthread -o "$work/calib/usr/bin/calib_check" tests/kmod/calib_check.c
	# The long ones side by side, a core each.
	for suite in trixie sid; do
		mkdir "$work/score-$suite"
		runner/vm/run.sh --kernel "debian:$suite" --module tests/kmod --root "$stage" \
			--results "$work/score-$suite" -- sh -c "
			cat /sys/kernel/debug/dma_calib/rows >/results/rows
			dmabuf_runner --no-report -o -e 'DMABUF_EXPORTERS=calib-*' /$tests /results" \
			>"$work/score-$suite.log" 2>&1 &
	done
	wait
	for suite in trixie sid; do
		check "$suite: the calibration module does what its rows say" runner/vm/run.sh \
			--kernel "debian:$suite" --module tests/kmod --root "$work/calib" \
			--results "$work/calib-$suite" -- calib_check
		build/runner/dmabuf_results "$work/score-$suite" >/dev/null 2>&1
		check "$suite: the calibration module's score" scripts/score.py \
			"$work/score-$suite/rows" "$work/score-$suite/junit.xml"
		cat "$work/log"
		[ -z "$keep" ] || cp -r "$work/score-$suite" "$keep/"
	done
	# Races last as long as they are given: a thousand moves, and one of a thousand that loses
	# a store, ten times.
	mkdir "$work/race"
	runner/vm/run.sh --module tests/kmod --root "$stage" --results "$work/race" -- sh -c "
		export DMABUF_RACE=10
		/$tests/dmabuf_move --run-subtest race-fd --dynamic-subtest calib-moving
		echo 'rare moves at move if moves%1000 moves>0 do copied-early' >/sys/kernel/debug/dma_calib/rules
		export DMABUF_RACE=60
		for i in 1 2 3 4 5 6 7 8 9 10; do
			/$tests/dmabuf_move --run-subtest race-fd --dynamic-subtest calib-rare
		done" >"$work/race.log" 2>&1
	check 'the calibration module moves a thousand times in 10 s, and no store is lost' sh -c "
		sed -n 's/.*RACE: \([0-9]*\) moves proved.*/\1/p' '$work/race.log' | grep -qE '^[0-9]{4,}$' &&
		grep -q '^Dynamic subtest calib-moving: SUCCESS' '$work/race.log'"
	check 'a store that one of a thousand moves loses is found each time' test \
		"$(grep -c '^Dynamic subtest calib-rare: FAIL' "$work/race.log")" -eq 10
	if [ -n "$mutants" ]; then
		seed=$(date +%F)
		check "of 50 mutants of the seed $seed none survives, and none that obeys is accused" \
			scripts/mutants --seed "$seed" --count 50 --obey 10
		tail -n 1 "$work/log"
	fi
	if [ -n "$kernel_patches" ]; then
		each 'bisection' scripts/check-bisect.sh
		each 'kernel patches' scripts/kernel-patches.py ${keep:+--keep "$keep/kernel-patches"}
	fi
	# Without gup_test, for which a kernel has to be built, and what asks for devices.
	check 'every subtest has failed a violator and passed what obeys' scripts/both-ways.py \
		"dmabuf_find@expected|dmabuf_gup@gup-test-.*|dmabuf_gup@$no_gpu-.*" "$work"/*/junit.xml
	mkdir "$work/importer"
	runner/vm/run.sh --module tests/kmod --root "$stage" --results "$work/importer" -- \
		dmabuf_runner --no-report -o -e DMABUF_IMPORTER=/dev/dma_calib_import_broken \
		-t '@dmabuf_vma@.*-import' -t '@dmabuf_gup@.*-import' "/$tests" /results >"$work/log" 2>&1
	build/runner/dmabuf_results "$work/importer" >"$work/log" 2>&1
	suite=importer
	flat "$work/importer/junit.xml" >"$work/flat"
	for e in calib-remap calib-fault heap-system; do
		lines 1 "an importer that maps by itself is found, of $e" "^fail dmabuf_vma vmflags-import $e\$"
		check "importer: it is blamed for it, not $e" sh -c "
			grep -q '^$e: fail: ENTRY: ' '$work/importer/report.txt'"
	done

	# The real runner, in the lab, and the real reader, on what our runner wrote.
	if scripts/fetch-igt.sh "$work/igt" >"$work/log" 2>&1; then
		check 'igt_runner runs the installed suite in the lab' runner/vm/run.sh \
			--root "$stage" --root "$work/igt" --results "$work/theirs" -- \
			/opt/igt/igt_runner -o "/$tests" /results
		mv "$work/theirs/results.json" "$work/theirs.json"
		build/runner/dmabuf_results "$work/theirs" >"$work/log" 2>&1
		check 'dmabuf_results and igt_results agree on it' \
			scripts/compare-igt.py "$work/theirs.json" "$work/theirs/junit.xml"
		check 'and write the same results.json of it' \
			scripts/compare-json.py "$work/theirs.json" "$work/theirs/results.json"
		check 'and its verdicts are those of dmabuf_runner' \
			scripts/compare-igt.py "$work/theirs.json" "$work/trixie/junit.xml"
		mv "$work/trixie/results.json" "$work/ours.json"
		check 'igt_results reads what dmabuf_runner wrote' "$work/igt/opt/igt/igt_results" "$work/trixie"
		check 'and comes to the same' \
			scripts/compare-igt.py "$work/trixie/results.json" "$work/trixie/junit.xml"
		check 'by the same results.json' \
			scripts/compare-json.py "$work/trixie/results.json" "$work/ours.json"
		# Every verdict that there is, of tests that end in every way. A report of the kernel's
		# that was expected is so line by line for igt_results (dmabuf_runner.1).
		mkdir -p "$work/fake"
		cp runner/tests/fake "$work/fake/"
		printf 'TESTLIST\nfake\nEND TESTLIST\n' >"$work/fake/test-list.txt"
		build/runner/dmabuf_runner --allow-non-root --inactivity-timeout 2 -l quiet \
			-x 'binary-text|odd-names|timed$|kernel-report-expected' "$work/fake" "$work/every" >"$work/log" 2>&1
		mv "$work/every/results.json" "$work/ours.json"
		"$work/igt/opt/igt/igt_results" "$work/every" >"$work/log" 2>&1
		check 'also where each verdict is' \
			scripts/compare-json.py "$work/every/results.json" "$work/ours.json"
		# The options that farms use: none is unknown, and both mean the same by them.
		"$work/igt/opt/igt/igt_runner" --help >"$work/their-help"
		build/runner/dmabuf_runner --help >"$work/our-help"
		check 'each option of igt_runner is done here, or named and refused' \
			scripts/compare-options.py "$work/their-help" "$work/our-help" docs/man/dmabuf_runner.1
		mkdir -p "$work/both/usr/bin" "$work/both/opt"
		cp scripts/both-runners.sh "$work/both/usr/bin/"
		cp -r "$work/fake" "$work/both/opt/"
		runner/vm/run.sh --root "$stage" --root "$work/igt" --root "$work/both" \
			--results "$work/options" -- both-runners.sh "/$tests" /opt/fake /results >"$work/log" 2>&1
		for with in keep-all keep-subtests keep-dynamic-subtests keep-requested blocked-hooked damage; do
			check "igt_runner and dmabuf_runner come to the same with $with" scripts/compare-json.py \
				--verdicts "$work/options/$with/theirs/results.json" "$work/options/$with/ours/results.json"
		done
		check 'and run the same hooks' sh -c "
			test -s '$work/options/ours-hooked' && diff '$work/options/theirs-hooked' '$work/options/ours-hooked'"
		[ -z "$keep" ] || { rm -rf "$keep/igt_runner"; cp -r "$work/theirs" "$keep/igt_runner"; }
	else
		bad 'igt-gpu-tools cannot be fetched'
		cat "$work/log"
	fi

	# In deqp-runner's way.
	mkdir -p "$work/deqp/usr/bin"
	cp scripts/like-deqp.sh "$work/deqp/usr/bin/"
	build/runner/dmabuf_runner --list-all -t 'dmabuf_(find|vma|ro)@|gup@(amdgpu|vmsplice|futex)' \
		"$stage/$tests" | sed 's/^igt@//' >"$work/deqp/caselist"
	runner/vm/run.sh --root "$stage" --root "$work/deqp" --results "$work/deqp-results" -- \
		like-deqp.sh "/$tests" /caselist >"$work/cases" 2>&1
	check "what igt-runner would say of $(wc -l <"$work/cases") subtests is what dmabuf_runner says" \
		scripts/compare-deqp.py "$work/trixie/results.json" "$work/cases" Pass Fail Skip

	# What docs/bad-address.md tells those whose program got EFAULT.
	mkdir -p "$work/efault/usr/bin"
	# shellcheck disable=SC2046 # words
	check 'docs/bad-address.c builds' cc -Wall -Werror -o "$work/efault/usr/bin/bad-address" \
		docs/bad-address.c $(pkg-config --cflags --libs libdrm liburing libibverbs)
	column=2
	for suite in bookworm trixie sid; do
		column=$((column + 1))
		runner/vm/run.sh --kernel "debian:$suite" --root "$work/efault" \
			--results "$work/efault-$suite" -- bad-address >"$work/ways" 2>&1
		awk -F ' *[|] *' -v column=$column '$2 ~ /: / { print $2, $column }' \
			docs/bad-address.md >"$work/told"
		check "$suite: the ways of docs/bad-address.md do as it says" sh -c "
			tr -s ' ' <'$work/ways' | diff '$work/told' -"
	done

	# Real drivers of ARM SoCs: what fails of them is what is known. Of a whole run only with
	# --all-machines, for the machine is emulated.
	arm64='dmabuf_find@expected|dmabuf_vma@vmflags|dmabuf_gup@(vmsplice|io-uring-fixed)-fd'
	arm64="$arm64|dmabuf_bounds@part|dmabuf_variants@(last-page|private|huge-64m)-fd|dmabuf_move@(contents|race)-fd"
	if [ -z "$all_machines" ]; then
		check 'arm64: what fails of its drivers is known' $run --arch arm64 --kernel debian:sid \
			-t "$arm64" -o "$work/arm64"
	else
		for suite in trixie sid; do
			check "arm64, $suite: what fails of its drivers is known" $run --arch arm64 \
				--kernel "debian:$suite" -o "$work/arm64-$suite"
			check "arm64, $suite, behind an IOMMU: what fails is known" $run --arch arm64 --iommu \
				--kernel "debian:$suite" -o "$work/iommu-$suite"
		done
		check 'armhf: what fails of its drivers is known' $run --arch armhf --kernel debian:sid \
			-o "$work/armhf"
		for suite in trixie sid; do
			check "riscv64, $suite: what fails is known" $run --arch riscv64 \
				--kernel "debian:$suite" -o "$work/riscv64-$suite"
		done
	fi

	# One dynamic subtest, by hand.
	refused 'one dynamic subtest runs alone and says why it fails' 98 'PFNMAP: the VMA' runner/vm/run.sh \
		--root "$stage" --results "$work/one" -- "/$tests/dmabuf_vma" \
		--run-subtest vmflags-fd --dynamic-subtest vivid-capture
	if [ "$(grep -c '^Starting dynamic' "$work/log")" -eq 1 ]; then
		good 'and it alone'
	else
		bad 'others ran with it'
	fi

	# Three kernels side by side, of which one has a fault that another has not.
	refused 'three kernels in one command, and where they differ' 0 '^bochs-drm-dumb *RO ' $run \
		--kernel debian:bookworm --kernel debian:trixie --kernel debian:sid \
		-t 'dmabuf_(vma@vmflags-fd|ro@fd-proc-mem)$' -o "$work/three"
	check 'each has results, and a status' sh -c "
		[ \"\$(grep -c ' 0$' '$work/three/kernels.txt')\" -eq 3 ] &&
		test -s '$work/three/debian-bookworm/junit.xml' -a -s '$work/three/debian-trixie/junit.xml' \
			-a -s '$work/three/debian-sid/junit.xml' -a -s '$work/three/report.html'"
	$run --kernel debian:trixie --kernel debian:sid -o "$work/stopped" >"$work/ended.log" 2>&1 &
	pid=$!
	n=0
	while ! grep -q '\[ *1/' "$work/ended.log" && [ $n -lt 300 ]; do sleep 1; n=$((n + 1)); done
	kill -TERM $pid
	wait $pid
	is=$?
	check 'a signal ends all of them' sh -c "
		[ $is -eq 2 ] && grep -q 'ended by SIGTERM' '$work/ended.log' && ! pgrep -f '$work/[s]topped'"

	# What does not get to its end.
	refused 'a suite that the archive does not have' 2 nonsuch $run --kernel debian:nonsuch -o "$work/n5"
	head -c 600 /dev/zero >"$work/no.ko"
	refused 'a module that is none' 2 'is no kernel module' $run --module "$work/no.ko" -o "$work/n6"
	other=$(find "$(runner/vm/kernel.sh debian:sid | sed -n 's/^modules=//p')" -name 'minix.ko*')
	refused "a module that does not load" 2 'minix does not load' $run --module "$other" -o "$work/n10"
	kernel=$(runner/vm/kernel.sh debian:trixie | sed -n 's/^bzimage=//p')
	head -c 3000000 "$kernel" >"$work/vmlinuz"
	refused 'a kernel that does not boot' 125 'did not boot' runner/vm/run.sh --kernel "$work/vmlinuz" \
		--inactivity 10 --results "$work/n7" -- true
	refused 'a guest that dies' 125 'died' runner/vm/run.sh --results "$work/n8" -- \
		sh -c 'echo kept >/results/kept; echo c >/proc/sysrq-trigger; sleep 60'
	check 'what it had written is kept' grep -q kept "$work/n8/kept"
	refused 'a guest that hangs' 125 'said nothing' runner/vm/run.sh --results "$work/n9" --inactivity 3 -- \
		sleep 1000
fi

# Real, historical violators, and the same configuration of a kernel where they obey.
if [ -n "$source" ]; then
	for built in 6.1 7.2 '7.2 --kasan' '7.2 --lockdep'; do
		version=${built%% *}
		results="$work/source-$(echo "$built" | tr -d ' ')"
		rm -rf "$results"
		suite=source:$built
		# shellcheck disable=SC2086 # a version, and what checks it
		$run --kernel source:$built -o "$results" >"$work/source.log" 2>&1
		flat "$results/junit.xml" >"$work/flat"
		check "$suite runs to its end" test -e "$results/endtime.txt"
		known="$vivid|^fail dmabuf_$wrong_page (vgem|virtio_gpu|bochs-drm)-dumb\$|^fail dmabuf_ro fd-proc-mem qxl-dumb\$"
		known="$known|$walks (vgem|virtio_gpu|bochs-drm|qxl)-dumb\$"
		cma='heap-(reserved|default_cma_region)'
		if [ $version = 6.1 ]; then
			lines 2 'udmabuf and the CMA heap break PFNMAP' "^fail dmabuf_vma vmflags-fd (udmabuf-memfd|$cma)\$"
			accused "$known| (udmabuf-memfd|$cma)\$"
			check 'an attempt that never returns is cut off and named' \
				grep -rq 'did not end within' "$results" --include=err.txt
		else
			accused "$known|^fail dmabuf_$no_store (vgem|virtio_gpu|bochs-drm)-dumb\$"
			lines 6 'the heaps and udmabuf look as they must' "^pass dmabuf_vma vmflags-fd (udmabuf-[a-z]*|heap-[a-z_]*)\$"
		fi
		[ -z "$keep" ] || cp -r "$results" "$keep/"
	done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
