#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A bisection of ten steps with bisect-run.sh, of which the culprit is known.
set -eu

usage() {
	cat <<END
usage: check-bisect.sh [SUITE]

Makes a small history: a tree whose kernel is Debian's (of sid by default) and whose
one driver is the calibration module. Of ten commits the seventh makes a conforming
exporter map normal pages; the fourth does not build, the fifth does not have that
exporter. git bisect run has to name the seventh. Prints "ok ..." or "FAILED ..." lines.
END
}

case ${1-} in
-*) usage; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac
suite=${1:-sid}
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
status=0
# say WHAT COMMAND...
say() {
	what=$1
	shift
	if "$@"; then
		echo "ok $what"
	else
		status=1
		echo "FAILED $what"
	fi
}

"$top/runner/vm/kernel.sh" "debian:$suite" >"$work/kernel"
tree=$work/tree
mkdir "$tree"
cd "$tree"
git init -q .
git config user.name check-bisect
git config user.email check-bisect@localhost
cp -L "$top"/tests/kmod/Kbuild "$top"/tests/kmod/*.[ch] .
printf '%s\n' .config arch out src >.gitignore
# What bisect-run.sh and kernel.sh ask of a kernel's tree.
cat >Makefile <<END
KERNEL = $work/kernel
field = \$\$(sed -n 's/^\$(1)=//p' \$(KERNEL))

olddefconfig:
	cp "\$(call field,config)" .config
bzImage:
	mkdir -p arch/x86/boot
	cp "\$(call field,bzimage)" arch/x86/boot/bzImage
modules:
	rm -rf out src
	mkdir src
	cp Kbuild *.[ch] src/
	$top/runner/vm/kmod.sh \$(KERNEL) src out
	rm -rf src
END
git add .
git commit -qm 'v1'
rc=0
"$top/scripts/bisect-run.sh" --kernel . -t dmabuf_vma@vmflags-fd 2>/dev/null || rc=$?
say "a tree that was not configured ends the bisection (status $rc)" [ $rc -eq 128 ]
make -s olddefconfig
git tag v1
n=0
# commit SED: a step of the history
commit() {
	n=$((n + 1))
	sed -i "$1" dmabuf_calib.c
	echo "/* step $n */" >>dmabuf_calib.c
	git commit -qam "step $n"
}
commit ''
commit ''
commit ''
commit '1i #error "this does not build"'
commit '1d; s/{ "fault", NULL,/{ "fault-but-not-it", NULL,/'
commit 's/{ "fault-but-not-it", NULL,/{ "fault", NULL,/'
commit '/{ "fault", NULL,/s/CALIB_FAULT/CALIB_PAGES/'
commit ''
commit ''
commit ''

modules=$(sed -n 's/^modules=//p' "$work/kernel")
export DMABUF_BISECT_LOG="$work/log"
step() {
	"$top/scripts/bisect-run.sh" --kernel . --modules "$modules" --module out/dmabuf_calib.ko \
		-t dmabuf_vma@vmflags-fd -- "$1"
}

rc=0
"$top/scripts/bisect-run.sh" --kernel . --modules "$modules" -t dmabuf_vma@vmflag-fd >/dev/null 2>&1 || rc=$?
say "a subtest that is nowhere ends the bisection (status $rc)" [ $rc -eq 128 ]
rc=0
step calib-nobody >/dev/null || rc=$?
say "it cannot say anything of an exporter that is not there (status $rc)" [ $rc -eq 125 ]
git checkout -q master~6 2>/dev/null || git checkout -q main~6
rc=0
step calib-fault >/dev/null || rc=$?
say "it cannot say anything of a tree that does not build (status $rc)" [ $rc -eq 125 ]
git checkout -q - 2>/dev/null

git bisect start HEAD v1 >/dev/null
git bisect run "$top/scripts/bisect-run.sh" --kernel . --modules "$modules" \
	--module out/dmabuf_calib.ko -t dmabuf_vma@vmflags-fd -- calib-fault >"$work/run" 2>&1 || :
culprit=$(sed -n 's/^\([0-9a-f]*\) is the first bad commit$/\1/p' "$work/run")
say "of ten steps it finds the culprit in $(grep -c '^bisect-run.sh: ' "$work/run") ($(git log -1 --format=%s "$culprit" 2>/dev/null))" \
	[ "$(git log -1 --format=%s "$culprit" 2>/dev/null)" = 'step 7' ]
[ $status -eq 0 ] || tail -n 30 "$work/run" "$work/log" >&2
exit $status
