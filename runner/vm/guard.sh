#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guard.sh PID DIR: once the script PID is gone, be it by SIGKILL, ends all that it had
# started, known by DMABUF_LAB=DIR in its environment, and removes DIR. The script ends this
# one first where it cleans up by itself.
trap '' HUP INT
trap 'kill $! 2>/dev/null; exit' TERM
while kill -0 "$1" 2>/dev/null; do
	sleep 1 &
	wait $!
done
n=0
while
	pids=$(grep -slz "^DMABUF_LAB=$2\$" /proc/[0-9]*/environ | cut -d / -f 3)
	[ -n "$pids" ] && [ $n -lt 50 ]
do
	# shellcheck disable=SC2086 # numbers
	kill -KILL $pids 2>/dev/null
	sleep 0.1
	n=$((n + 1))
done
rm -rf "$2"
