#!/bin/sh
# SPDX-License-Identifier: MIT
#
# expect.sh TABLE BINARY: runs the binary as each case of the table says and
# compares what it prints and how it ends. Prints TAP. The lines of a table:
#
#	$ ARGUMENTS	begins a case (no quoting, nothing is expanded)
#	env NAME=VALUE	a variable in its environment
#	= STATUS	its exit status, as the shell sees it
#	> PATTERN	stdout has such a line, behind that of the > before
#	2> PATTERN	the same of stderr
#	!> PATTERN	stdout has no such line
#	!2> PATTERN	stderr has no such line
#
# A pattern is a shell's and matches a whole line. Of times it asks no more than a busy
# machine can keep: ([1-9].*s) is a limit of 1 s that was kept, and none of 10.
set -f

table=$1 binary=$2
count=0 bad=0 args='' status=''
newline='
'
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

complain() {
	wrong="$wrong$newline# $1"
}

# Judges the lines of stdin. Lists of patterns have a newline behind each.
judge() { # WHAT WANTED FORBIDDEN
	wanted=$2
	while IFS= read -r line || [ -n "$line" ]; do
		next=${wanted%%"$newline"*}
		# Not quoted: a pattern.
		case $line in
		$next) [ -n "$next" ] && wanted=${wanted#*"$newline"} ;;
		esac
		never=$3
		while [ -n "$never" ]; do
			case $line in
			${never%%"$newline"*}) complain "$1 has the line: $line" ;;
			esac
			never=${never#*"$newline"}
		done
	done
	[ -z "$wanted" ] || complain "$1 lacks the line: ${wanted%%"$newline"*}"
}

run_case() {
	[ -n "$status" ] || return 0
	count=$((count + 1)) wrong=''

	# Through a pipe, so that a process that is left behind is waited for.
	{
		env ${variable:+"$variable"} "$binary" $args 2>"$dir/err"
		echo $? >"$dir/status"
	} 2>"$dir/shell" | cat >"$dir/out"

	read -r is <"$dir/status"
	[ "$is" = "$status" ] || complain "the exit status is $is, not $status"
	judge stdout "$out" "$no_out" <"$dir/out"
	judge stderr "$err" "$no_err" <"$dir/err"
	if [ -z "$wrong" ]; then
		echo "ok $count - $args"
	else
		bad=$((bad + 1))
		echo "not ok $count - $args$wrong"
		sed 's/^/# stdout: /' "$dir/out"
		sed 's/^/# stderr: /' "$dir/err"
	fi
	status=''
}

while read -r key rest; do
	case $key in
	'$') run_case; args=$rest variable='' status=0 out='' err='' no_out='' no_err='' ;;
	env) variable=$rest ;;
	=) status=$rest ;;
	'>') out=$out$rest$newline ;;
	'2>') err=$err$rest$newline ;;
	'!>') no_out=$no_out$rest$newline ;;
	'!2>') no_err=$no_err$rest$newline ;;
	'' | '#'*) ;;
	*) echo "Bail out! $table: unknown '$key'"; exit 2 ;;
	esac
done <"$table"
run_case
echo "1..$count"
[ $bad = 0 ] && [ $count != 0 ]
