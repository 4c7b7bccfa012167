#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The console of lava-lab-device.yaml: the lab, which runs the fast list. After
# scripts/run-tests.sh --build-only. Results are left in RESULTS, where it is set.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
tests=/usr/libexec/dmabuf-contract
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
mkdir -p "$work/root/usr/bin" "$work/results"
cp "$top/docs/ci/lava-cases.sh" "$work/root/usr/bin/"
# What a shell of LAVA's has.
printf '#!/bin/sh\necho "case $1 $3"\n' >"$work/root/usr/bin/lava-test-case"
chmod +x "$work/root/usr/bin/lava-test-case"
"$top/runner/vm/run.sh" --root "$top/build/stage" --root "$work/root" \
	--results "${RESULTS:-$work/results}" -- sh -c "
	echo dmabuf-contract begins
	dmabuf_runner -o --test-list=$tests/fast.txt $tests /results >/dev/null
	lava-cases.sh /results/junit.xml
	echo dmabuf-contract ends
	sleep 2"
