#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs tests as deqp-runner's igt-runner does, which is Mesa's and that of the kernel's
# drivers/gpu/drm/ci: it is in no archive, so this is in its place where check.sh asks
# how our tests fare under it. For busybox, too, since it runs in the lab.
#
# like-deqp.sh ROOT [CASELIST]: of ROOT/test-list.txt and what each test lists, or of
# CASELIST, whose lines are BINARY or BINARY@SUBTEST, each is a process with nothing on
# its input and no option but that, judged by its exit status alone. Prints "CASE,VERDICT".
set -u

cases() {
	grep -v TESTLIST "$1/test-list.txt" | tr -s ' ' '\n' | while read -r test; do
		"$1/$test" --list-subtests </dev/null | sed "s/^/$test@/"
	done
}

[ $# -ge 1 ] || { echo "usage: like-deqp.sh ROOT [CASELIST]" >&2; exit 2; }
if [ $# -gt 1 ]; then
	grep -v '^#' "$2"
else
	cases "$1"
fi | while IFS=@ read -r test subtest dynamic; do
	# It knows no dynamic subtests: what is behind the second @ is dropped.
	"$1/$test" ${subtest:+--run-subtest "$subtest"} </dev/null >/dev/null 2>&1
	case $? in
	0) verdict=Pass ;;
	77 | 79) verdict=Skip ;;
	98) verdict=Fail ;;
	*) verdict=Crash ;;
	esac
	echo "$test${subtest:+@$subtest}${dynamic:+@$dynamic},$verdict"
done
