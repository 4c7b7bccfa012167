#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guard.sh PID DIR: once the script PID is gone, be it by SIGKILL, ends all that it had
# started, known by DMABUF_LAB=DIR in its environment, and removes DIR. The script ends this
# one first where it cleans up by itself. What was started may have a folder of its own in the
# cache to remove, and gets 3 seconds for it.
trap '' HUP INT
trap 'kill $! 2>/dev/null; exit' TERM
# Not if nobody has waited for it yet: who reads what it prints may wait for us before.
alive() {
	read -r stat <"/proc/$1/stat" || return
	case ${stat##*) } in
	[ZX]*) return 1 ;;
	esac
}
while alive "$1"; do
	sleep 1 &
	wait $!
done
signal=TERM
n=0
while
	pids=$(grep -slz "^DMABUF_LAB=$2\$" /proc/[0-9]*/environ | cut -d / -f 3)
	[ -n "$pids" ] && [ $n -lt 80 ]
do
	[ $n -ne 30 ] || signal=KILL
	# shellcheck disable=SC2086 # numbers
	[ $n -gt 0 ] && [ $n -lt 30 ] || kill -$signal $pids 2>/dev/null
	sleep 0.1
	n=$((n + 1))
done
rm -rf "$2"
