#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the suite on "this machine" where that has exporters, by on-machine.sh. Prints
# "ok WHAT" or "FAILED WHAT" a line; exit status 1 if one failed.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1-}" != --inside ]; then
	[ $# -eq 1 ] || { echo "usage: check-host.sh RESULTS" >&2; exit 2; }
	exec "$top/scripts/on-machine.sh" "$1" "$top/scripts/check-host.sh" --inside
fi

failed=0
log=/mnt/log

# as_user USER COMMAND...; a shell's job in the background would ignore SIGINT
as_user() {
	user=$1
	shift
	exec setsid setpriv --reuid="$user" --regid="$user" --clear-groups \
		env --default-signal=INT "$@" >$log 2>&1
}
# judge WHAT STATUS REGEX...: so it ended, and each of these was said
judge() {
	what=$1 want=$2
	shift 2
	wrong=
	[ $is -eq "$want" ] || wrong="; exit status $is, not $want"
	for regex; do
		grep -qE -- "$regex" $log || wrong="$wrong; nothing says '$regex'"
	done
	if [ -z "$wrong" ]; then
		echo "ok $what"
	else
		failed=1
		echo "FAILED $what: ${wrong#; }"
		tail -n 15 $log | sed 's/^/    /'
	fi
}
# run USER COMMAND...
run() {
	(as_user "$@")
	is=$?
}
# interrupt RESULTS USER COMMAND...: as Ctrl-C does, in the third subtest
interrupt() {
	third=$1/2/out.txt
	shift
	touch /tmp/before
	(as_user "$@") &
	pid=$!
	until [ "$third" -nt /tmp/before ] || ! kill -0 $pid 2>/dev/null; do
		sleep 0.1
	done
	kill -INT "-$pid"
	wait $pid
	is=$?
}

tests=/usr/local/libexec/dmabuf-contract
few='dmabuf_(vma|cpu|gup@vmsplice)'
broken='^vivid-capture, vivid-output: PFNMAP'
sum='^Linux .* pass, .* fail, in'
host=$top/scripts/run-tests.sh

# Where a person is logged in, such devices are hers.
chmod a+rw /dev/video* /dev/udmabuf
for user in 0 65534; do
	case $user in
	0) who=root option= ;;
	*) who='an ordinary user' option=--allow-non-root ;;
	esac
	chown -R $user "$top"
	mkdir "/var/tmp/$user"
	chown $user "/var/tmp/$user"
	cd "/var/tmp/$user" || exit 2

	run $user "$host" --host --no-expectations -t "$few"
	judge "a source tree, $who" 1 "$broken" "$sum"
	run $user "$host" --host --no-expectations -t "$few" -o elsewhere
	judge "a source tree, $who, -o" 1 "$broken" "$sum"
	interrupt results $user "$host" --host --no-expectations -t "$few"
	judge "a source tree, $who, interrupted" 2 '(SIGINT)' 'what there is of it is in .*/results'
	run $user "$top/build/stage/usr/bin/dmabuf_resume" results
	judge "a source tree, $who, resumed" 1 "$broken" "$sum"
	[ -e results.old/endtime.txt ]
	is=$?
	judge "a source tree, $who, the results of before" 0

	run $user dmabuf_runner $option -t "$few" $tests installed
	judge "an installed tree, $who" 1 "$broken" "$sum"
	interrupt interrupted $user dmabuf_runner $option -t "$few" $tests interrupted
	judge "an installed tree, $who, interrupted" 2 interrupted
	run $user dmabuf_resume interrupted
	judge "an installed tree, $who, resumed" 1 "$broken" "$sum"
done
run 0 "$host" --host --no-expectations -o whole
judge 'a source tree, whole' 1 "$broken" "$sum"
exit $failed
