#!/bin/sh
# SPDX-License-Identifier: MIT
#
# In the lab: igt_runner and dmabuf_runner with the options that farms use, on the same
# tests: both-runners.sh TESTS FAKE RESULTS. What each left is RESULTS/OPTIONS/theirs and ours.
set -u
tests=$1 fake=$2 results=$3

# both NAME TEST_ROOT OPTION...: whose run it is tests find in $who
both() {
	name=$1 root=$2
	shift 2
	mkdir "$results/$name"
	for who in theirs ours; do
		runner=/opt/igt/igt_runner
		TAINT=512
		[ $who = theirs ] || runner=dmabuf_runner
		# The kernel's marks cannot be taken off again.
		[ $who = theirs ] || TAINT=32
		export who TAINT
		"$runner" "$@" "$root" "$results/$name/$who" </dev/null >"$results/$name/$who.log" 2>&1
	done
}

cat >/tmp/list <<END
igt@dmabuf_vma@vmflags-fd
igt@dmabuf_vma@rss-fd
igt@dmabuf_ro@fd@heap-system
END
for mode in keep-all keep-subtests keep-dynamic-subtests keep-requested; do
	both "$mode" "$tests" -m --prune-mode $mode --test-list /tmp/list
done
cat >/tmp/blocked <<END
# all but one
^igt@dmabuf_vma@(?!rss-fd$)
END
echo igt@dmabuf_vma >/tmp/list
both blocked-hooked "$tests" -b /tmp/blocked --test-list /tmp/list \
	--hook "post-dyn-subtest:echo \$IGT_HOOK_TEST_FULLNAME \$IGT_HOOK_RESULT >>$results/\$who-hooked"
both damage "$fake" --abort-on-monitored-error=taint,lockdep -t '@(ok|taints|fails)$'
