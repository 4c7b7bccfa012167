#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lava-cases.sh JUNIT_XML: a LAVA test case for each testcase, BINARY.SUBTEST.EXPORTER.
# LAVA knows pass, fail, skip and unknown; what crashed, hung or was cut off is a fail, so
# that nobody takes it for what was not run. Without a report there is one that fails.
[ -f "${1-}" ] || {
	echo "lava-cases.sh: there is no report '${1-}'" >&2
	lava-test-case junit.xml --result fail
	exit 2
}
awk -F '"' '
	/^<testcase/ { result = "pass"; name = $2 "." $4 }
	/^<skipped/ { result = "skip" }
	/^<(failure|error) / { result = "fail" }
	/^<testcase.*\/>$/ || /^<\/testcase/ { print name, result }
' "$1" | while read -r name result; do
	lava-test-case "$name" --result "$result" </dev/null
done
