#!/bin/sh
# SPDX-License-Identifier: MIT
# What dmabuf_runner, dmabuf_resume and dmabuf_results make of tests that end in
# every way there is. Arguments: the directory of the three programs, junit.xsd, a
# test of lib/, which has dynamic subtests to choose from.
set -u
bin=$1
xsd=$2
core=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

ok() {
	passed=$((passed + 1))
}
bad() {
	failed=$((failed + 1))
	echo "FAIL: $*"
}
# check WHAT COMMAND...: the command must succeed.
check() {
	what=$1
	shift
	if "$@" > "$work/last" 2>&1; then ok; else bad "$what"; tail -n 20 "$work/last"; fi
}
# status N WHAT COMMAND...: it must exit with N; what it says is in $work/last.
status() {
	want=$1 what=$2
	shift 2
	"$@" > "$work/last" 2>&1
	is=$?
	if [ $is -eq "$want" ]; then ok; else bad "$what: exit status $is, not $want"; cat "$work/last"; fi
}
says() {
	if grep -q -- "$1" "$work/last"; then ok; else bad "nothing says '$1':"; cat "$work/last"; fi
}
# tells REGEX: the long report does
tells() {
	if grep -q -- "$1" "$work/r/report.txt"; then ok; else bad "report.txt does not tell '$1'"; fi
}
# verdict SUBTEST[@DYNAMIC] WANT [MESSAGE]: by junit.xml of $work/r.
verdict() {
	case $1 in
	*@*) class="fake.${1%@*}" name=${1#*@} ;;
	*) class=fake name=$1 ;;
	esac
	t="//testcase[@classname='$class'][@name='$name']"
	is=$(xmllint --xpath "concat(count($t), ' ', name($t/*[1]), ' ', $t/*[1]/@type)" "$work/r/junit.xml")
	want=$2
	case $2 in
	pass) want='1  ' ;;
	skip) want='1 skipped ' ;;
	none) want='0  ' ;;
	fail|warn|dmesg-*|unexpected-pass) want="1 failure $2" ;;
	*) want="1 error $2" ;;
	esac
	if [ "$is" = "$want" ]; then ok; else bad "$1 is '$is', not '$want'"; fi
	[ $# -lt 3 ] || case $(xmllint --xpath "string($t/*[1]/@message)" "$work/r/junit.xml") in
	*"$3"*) ok ;;
	*) bad "$1 does not say '$3'" ;;
	esac
}
run() {
	"$bin/dmabuf_runner" --allow-non-root "$@"
}

mkdir "$work/root"
cp "$here/fake" "$work/root/"
printf 'TESTLIST\nfake\nEND TESTLIST\n' > "$work/root/test-list.txt"
root=$work/root
r=$work/r

# Every way to end, in one run.
status 1 'a run with failures' run --inactivity-timeout 3 -x '@several' "$root" "$r"
says 'hangs) timeout'
says '\(^\|, \)hangs: timeout: it did not end'
says '^some *part  [.]$'
says '^Linux .* pass, .* fail, .* timeout, '
says "^each failure, .*: $r/report.txt$"
tells 'run it alone: fake --run-subtest dynamic --dynamic-subtest bad'
tells '^bad: fail: B: the rule in words'
tells '^    the evidence'
tells '^good *pass  pass$'
tells '^bad *\.     FAIL$'
tells '^    the evidence .1. .2.$'
tells '^igt-2.5 *\.     FAIL$'
tells '^none *skip  skip$'
tells '^some *part  [.]$'
tells '^all *pass  pass$'
tells '^    not here (none)$'
tells '^    A: its back: no mirror (some)$'
tells '\\x01\\x1b\[1m<&>"\\xff\\xc3( ä'
cat "$r/report.txt" >> "$work/last"
check 'nothing drives the terminal' test -z "$(LC_ALL=C tr -d "\n\t -~\200-\377" < "$work/last")"
check 'junit.xml is valid' xmllint --noout --schema "$xsd" "$r/junit.xml"
verdict ok pass
verdict warns warn 'WARNING: hm'
verdict fails fail bad
verdict skips skip 'no such device'
verdict crashes crash
verdict crashes-late pass
verdict killed incomplete
verdict exits-3 pass
verdict no-result incomplete
verdict exit-0-no-result incomplete
verdict no-start fail 'never began'
verdict fixture-skips skip
verdict dynamic none
verdict dynamic@good pass
verdict dynamic@bad fail 'B: the rule in words'
verdict dynamic@none skip 'not here'
verdict dynamic@some pass
verdict timed@igt-2.5 fail 'B: the rule in words'
verdict dynamic-crash none
verdict dynamic-crash@good pass
verdict dynamic-crash@bad incomplete
verdict dynamic-warns@a warn hm
verdict dynamic-warns@b pass
verdict dynamic-stuck@good pass
verdict dynamic-stuck@stuck timeout
verdict hangs timeout
verdict floods fail
verdict binary-text fail '\x01\x1b[1m<&>"\xff\xc3( ä \xef\xbf\xbf?.'
t='//testcase[@classname="fake.odd-names"]/failure[contains(., "subtest odd-names --dynamic-subtest a<b&")]'
check 'odd names' xmllint --xpath "$t" "$r/junit.xml"
verdict another pass
verdict unlisted fail 'also here'
verdict is none
verdict orphan pass
verdict closes-pipes pass
if [ -w /dev/kmsg ] && [ -r /dev/kmsg ]; then
	verdict kernel-warns dmesg-warn boo
	verdict kernel-warns-fail dmesg-fail
	verdict kernel-warns-skip skip
	verdict kernel-warns-dynamic@a dmesg-warn
	verdict kernel-warns-dynamic@b pass
	verdict kernel-warns-expected pass
	verdict kernel-report dmesg-warn 'cut here'
	verdict kernel-report-expected pass
	verdict kernel-notice pass
fi
case $(xmllint --xpath "string(//property[@name='kernel']/@value)" "$r/junit.xml") in
"$(uname -r)") ok ;;
*) bad 'junit.xml does not name the kernel' ;;
esac
if [ "$(wc -c < "$r/junit.xml")" -lt 500000 ]; then ok; else bad 'a flood gets through to junit.xml'; fi
if /usr/bin/python3 -c 'import junitparser' 2>/dev/null; then
	check 'junitparser takes it' /usr/bin/python3 -c '
import junitparser, sys
x = junitparser.JUnitXml.fromfile(sys.argv[1])
cases = [c for s in x for c in s]
assert len(cases) == x.tests, (len(cases), x.tests)
assert sum(s.failures + s.errors for s in x) == sum(
	isinstance(r, (junitparser.Failure, junitparser.Error)) for c in cases for r in c.result)
' "$r/junit.xml"
fi

status 1 'KTAP' "$bin/dmabuf_results" --ktap "$r"
says '^KTAP version 1$'
says '^  ok 1 ok$'
says '^  ok 4 skips # SKIP no such device$'
says '^  not ok 5 crashes # ERROR crash$'
says '^  not ok 17 hangs # TIMEOUT timeout$'
says '^    # fail: B: the rule in words$'
says '^    not ok 2 bad$'
says '^not ok 1 fake$'
if [ "$(sed -n 's/^  1[.][.]//p' "$work/last")" = "$(grep -cE '^  (not )?ok ' "$work/last")" ]; then
	ok
else
	bad "KTAP's plan"
fi
# One page, which asks nobody for anything, of two runs.
status 1 'a page of two runs' "$bin/dmabuf_results" --html "$work/page.html" "$r" "$r"
check 'its data is JSON' python3 -c '
import json, re, sys
page = open(sys.argv[1]).read()
runs = json.loads(re.search("id=.data.>(.*?)</script>", page, re.S)[1])
assert len(runs) == 2 and runs[0]["sums"]["pass"] == runs[1]["sums"]["pass"]
bad = [r for r in runs[1]["results"] if r.get("dynamic") == "bad" and r["subtest"] == "dynamic"][0]
assert bad["judged"] == {"A": 0, "B": 8} and bad["evidence"] == "the evidence"
assert not re.search("(?i)https?:|src=|href=|@import|url[(]", re.sub("(?s)id=.data.>.*?</script>", "", page))
' "$work/page.html"
# What differs between them.
cp -r "$r" "$work/other"
n=$(($(grep -nx 'fake dynamic' "$r/joblist.txt" | cut -d : -f 1) - 1))
sed -i 's/subtest bad: FAIL/subtest bad: SUCCESS/; s/subtest: none$/subtest: new/; s/subtest none:/subtest new:/; /CRITICAL/d' \
	"$work/other/$n/out.txt" "$work/other/$n/err.txt"
status 1 'two runs' "$bin/dmabuf_results" "$r" "$work/other"
says '^r: Linux '
says '^other: Linux '
says '^only in r: none$'
says '^only in other: new$'
says '^what differs  *r  *other$'
says '^bad  *B  *FAIL  pass$'
check 'in nothing else' test "$(sed '1,/^what differs/d' "$work/last" | grep -c FAIL)" -eq 1
# A person at the page, in a window and on a phone.
if command -v chromium > /dev/null; then
	"$bin/dmabuf_results" --html "$work/clicked.html" "$r" "$work/other" > /dev/null
	{ echo '<script>'; cat "$here/page.js"; echo '</script>'; } >> "$work/clicked.html"
	for size in 1200,900 360,740; do
		chromium --headless --no-sandbox --disable-gpu --window-size=$size --virtual-time-budget=5000 \
			--dump-dom "file://$work/clicked.html" 2> /dev/null | sed -n '/^ok /p; /^FAILED /p; /^end of/p' \
			> "$work/clicks"
		check "the page, clicked through at $size" sh -c "
			grep -q '^end of the test' '$work/clicks' && ! grep '^FAILED' '$work/clicks'"
	done
	check 'of which the latter is a phone' grep -q '^ok on a phone' "$work/clicks"
else
	echo 'skipped: nobody clicks through the page, chromium is not there'
fi
status 2 'a page of nothing' "$bin/dmabuf_results" --html "$work/page2.html" "$work/nothing"
check 'of which there is none' test ! -e "$work/page2.html"
if command -v chromium > /dev/null; then
	chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=5000 --dump-dom \
		"file://$work/page.html#bad/B/2" > "$work/dom" 2> /dev/null
	check 'a browser shows a cell of it' grep -q 'bad: B, run 2 (Linux .*): FAIL' "$work/dom"
	check 'with its evidence' grep -q 'B: the rule in words' "$work/dom"
fi
# What turned: one was mended and one lost; what was not asked for has not turned.
cp -r "$r" "$work/turned"
n=$(grep -n 'fake dynamic$' "$r/joblist.txt" | cut -d : -f 1)
test -n "$n" || bad 'joblist.txt has no dynamic'
for f in out err; do
	sed -i 's/subtest bad: FAIL/subtest bad: SUCCESS/; s/subtest some: SUCCESS/subtest some: FAIL/
		/subtest:\{0,1\} none/d; /CRITICAL: .*\(rule\|evidence\)/d' "$work/turned/$((n - 1))/$f.txt"
done
status 0 'nothing turned' "$bin/dmabuf_results" --compare "$r" "$r"
check 'and nothing is said' test ! -s "$work/last"
status 1 'something turned' "$bin/dmabuf_results" --compare "$r" "$work/turned"
says '^worse:$'
says '^    some, A: from pass to fail: 1$'
says '^better:$'
says '^    bad, B: from fail to pass: 1$'
says '^        fake@dynamic$'
says '^    none, A: from skip to absent: 1$'
printf 'fake@dynamic@some\n' > "$work/known-flakes.txt"
status 0 'but for a flake' "$bin/dmabuf_results" --expectations "$work/known" --compare "$r" "$work/turned"
check 'results.json is JSON' python3 -c '
import json, sys
t = json.load(open(sys.argv[1]))["tests"]
assert t["igt@fake@dynamic@bad"]["result"] == "fail" and "time" in t["igt@fake@ok"]
assert "dynamic subtest: bad" in t["igt@fake@dynamic@bad"]["out"]
' "$r/results.json"
check 'igt_results finds all it looks for' test -f "$r/0/comms" -a -d "$r/0/attachments"

# The directory again, by the second program; and what must not be deleted.
cp "$r/junit.xml" "$work/first.xml"
status 1 'dmabuf_results' "$bin/dmabuf_results" "$r"
check 'both write the same' cmp "$work/first.xml" "$r/junit.xml"
status 2 'a results path that exists' run "$root" "$r"
says 'overwrite'
check 'nothing is lost by it' cmp "$work/first.xml" "$r/junit.xml"
touch "$r/mine"
status 0 'overwrite' run --overwrite -t '@ok$' "$root" "$r"
check 'overwrite leaves what is not its own' test -e "$r/mine" -a ! -e "$r/1"

# Nothing of an earlier run may pass for a new one, nor be lost by halves.
w=$work/over
run -t '@(ok|skips|exits-3)$' "$root" "$w" > /dev/null 2>&1
touch "$w/2/mine"
status 2 'overwrite of what is not its own' run --overwrite -t '@ok$' "$root" "$w"
says '2/mine is in the way'
check 'it deletes nothing' test -s "$w/metadata.txt" -a -s "$w/0/out.txt"
rm -r "$w/2/mine" "$w/1"
mkdir -p "$w/0/attachments" && touch "$w/0/attachments/mine"
status 0 'overwrite of a run with a gap' run --overwrite -t '@ok$' "$root" "$w"
check 'it deletes all' test ! -e "$w/2" -a ! -e "$w/0/attachments/mine"
rm "$w/metadata.txt"
status 2 'jobs of an unknown run' run -t '@(ok|fails)$' "$root" "$w"
says 'already has results'

# What has one cause is one finding, whoever it is about, and whatever follows from it.
status 1 'findings' run --overwrite -t '@findings$' "$root" "$r"
says '^one, two: A: the rule$'
says '^    one: it has no # at 0x12$'
says '^    5 subtests: 3 A, 2 B$'
says '^    run it alone: fake --run-subtest findings-a --dynamic-subtest one$'
says '^three: B: the other rule$'
says '^three: crash: SIGSEGV$'
if [ "$(sed -n '/run it alone/,$d; /: /p' "$work/last" | head -n 1)" = 'one, two: A: the rule' ]; then
	ok
else
	bad 'what explains most is not on top'
fi
check 'each failure is in report.txt' test "$(grep -c 'run it alone' "$r/report.txt")" -eq 7

# What is known does not count, what is better than known does, and a flake is run again.
known=$work/known
cat > "$known-fails.txt" <<'END'
# A fault
igt@fake@(fails|dynamic@b.d),Fail
fake@hangs,Timeout

# Another
igt@fake@warns,Warn
igt@fake@skips,Fail
END
status 0 'known faults' run --overwrite --expectations "$known" --per-test-timeout 1 \
	-t '@(ok|fails|dynamic|hangs|warns|skips)$' "$root" "$r"
says "^known faults, by $known-fails.txt:$"
says '^    A fault: 3 of fails, bad, hangs$'
says '^    Another: 1 of warns$'
says '2 fail, 1 warn, 1 timeout (4 known)'
check 'junit.xml with them is valid' xmllint --noout --schema "$xsd" "$r/junit.xml"
verdict fails skip 'as is known (A fault): bad'
verdict hangs skip 'timeout, as is known'
status 0 'KTAP with them' "$bin/dmabuf_results" --ktap --expectations "$known" "$r"
says '^  ok [0-9]* hangs # XFAIL A fault$'
says '^  ok [0-9]* dynamic # XFAIL A fault$'
says '^ok 1 fake$'
status 1 'the same, bare' "$bin/dmabuf_results" "$r"
verdict fails fail bad
sed -i 's/fails|//' "$known-fails.txt"
status 1 'one less is known' "$bin/dmabuf_results" --expectations "$known" "$r"
if [ "$(sed '/^$/d' "$work/last" | head -n 1)" = 'fails: bad' ]; then ok; else bad 'it is not on top'; fi
printf '# Gone\nfake@(ok|fails),Fail\n' >> "$known-fails.txt"
status 1 'what is known passed' "$bin/dmabuf_results" --expectations "$known" "$r"
says '^    igt@fake@ok (Gone)$'
verdict ok unexpected-pass 'it was expected to fail (Gone), and passed'
printf 'fails@igt\n' > "$known-fails.txt"
status 2 'a line that has no status' "$bin/dmabuf_results" --expectations "$known" "$r"
says 'known-fails.txt:1: .fails@igt. is not PATTERN,STATUS'
printf 'fails,Fail\n(,Fail\n' > "$known-fails.txt"
status 2 'a pattern that is none' "$bin/dmabuf_results" --expectations "$known" "$r"
says 'known-fails.txt:2: .(. is no regular'
printf 'fake@.*,UnexpectedImprovement(Pass)\n' > "$known-fails.txt"
printf '# why not\n@crash\n' > "$known-skips.txt"
printf '@flaky@(odd|steady)$\n' > "$known-flakes.txt"
printf '%s debian\n* known\n' 'no-such-release*' > "$work/kernels"
status 1 'flakes and skips, by the release' run --overwrite --expectations "$work" \
	-t '@(flaky|crashes|ok)$' "$root" "$r"
says '^never: never$'
says '^    igt@fake@flaky@odd: fail, and a pass when it was run again$'
verdict flaky@never fail
verdict flaky@odd skip 'it passed when it was run again'
verdict flaky@steady pass
verdict crashes none
verdict ok pass
check 'it alone was run again' grep -q odd "$r"/*/attachments/again-1-out.txt
check 'and nothing else' sh -c "! grep -q never '$r'/*/attachments/again-1-out.txt"
printf '@flaky@(odd|never)$\n' > "$known-flakes.txt"
status 1 'a flake that never passes' run --overwrite --expectations "$work" \
	-t '@flaky' "$root" "$r"
verdict flaky@never fail
verdict flaky@odd skip
check 'it had two tries' test -s "$r/0/attachments/again-2-out.txt" -a ! -e "$r/0/attachments/again-3-out.txt"
status 2 'expectations that are not there' "$bin/dmabuf_results" --expectations "$work/nothing" "$r"
says 'there is no .*/nothing-fails.txt'
rm "$work/kernels" "$known"-*

# Filters.
status 0 'include and exclude' run -L -t '@DYNAMIC' -x 'crash|stuck' "$root"
if [ "$(cat "$work/last")" = "$(printf 'igt@fake@dynamic\nigt@fake@dynamic-warns')" ]; then ok; else bad filters; cat "$work/last"; fi
printf '# not these\ndynamic\n' > "$work/blacklist"
status 2 'nothing left' run -L -t '@dynamic' -b "$work/blacklist" "$root"
says 'filters'
status 0 'an expression of Perl, as in block lists of IGT' run -L -t '@dynamic(?!-)|@ok$' "$root"
if [ "$(cat "$work/last")" = "$(printf 'igt@fake@ok\nigt@fake@dynamic')" ]; then ok; else bad 'a look ahead'; fi
printf 'igt@fake@ok\nigt@fake@skips\n' > "$work/list"
status 0 'a test list' run -L --test-list "$work/list" "$root"
if [ "$(wc -l < "$work/last")" -eq 2 ]; then ok; else bad 'the test list'; fi

# Dynamic subtests are chosen by their names, too, which only the test knows.
mkdir "$work/dyn"
cp "$core" "$work/dyn/core"
printf 'TESTLIST\ncore\nEND TESTLIST\n' > "$work/dyn/test-list.txt"
# chosen WANT OPTION...: those that run, and how they end
chosen() {
	want=$1
	shift
	"$bin/dmabuf_runner" --allow-non-root -o "$@" "$work/dyn" "$r" > "$work/last" 2>&1
	is=$(cat "$r"/*/out.txt | sed -n 's/^Dynamic subtest \([^:]*\): .*/\1/p' | tr '\n' ' ')
	if [ "$is" = "$want" ]; then ok; else bad "$* ran '$is', not '$want'"; cat "$work/last"; fi
}
chosen 'good bad good-too ' -t '@dynamic-fails$'
chosen 'good good-too ' -t 'dynamic-fails@good'
check 'in no other subtest' test "$(wc -l < "$r/joblist.txt")" -eq 1
chosen 'good-too ' -t 'dynamic-fails' -x '@good$' -x '@bad'
chosen 'bad bad ' -t 'dynamic-(f|crash)[a-z]*@bad'
printf '@good\n' > "$work/blacklist"
chosen 'bad ' -t '@dynamic-fails$' -b "$work/blacklist"
printf '^igt@core@(?!dynamic-fails$)\n' > "$work/blacklist"
chosen 'good bad good-too ' -b "$work/blacklist"
status 0 'what is not asked for does not fail' run -o -t 'dynamic-fails@good' "$work/dyn" "$r"
"$bin/dmabuf_runner" --allow-non-root -d -o -t 'dynamic-fails@(?!bad)' -x too "$work/dyn" "$r" > /dev/null
status 0 'resume chooses the same' "$bin/dmabuf_resume" "$r"
check 'and these alone' test "$(grep -c '^Starting dynamic' "$r/0/out.txt")" -eq 1

# Shards: together all of it, and each a part.
status 0 'all' run -L "$root"
cp "$work/last" "$work/all"
for i in 1 2 3; do
	run -L --shard $i/3 "$root"
done > "$work/last" 2>&1
if sort "$work/all" | diff - "$work/last" > /dev/null; then bad 'shards are not shared out'; else ok; fi
sort "$work/last" > "$work/shards"
check 'shards are the whole' sh -c "sort '$work/all' | diff - '$work/shards'"
for shard in 0/3 4/3 1 1/3x a/b; do
	status 2 "shard $shard" run -L --shard $shard "$root"
	says "not '$shard'"
done

# Jobs that are not one subtest by its name: a pattern, and igt_runner -m.
printf 'igt@fake@multi-*\n' > "$work/list"
status 1 'a pattern' run --overwrite --test-list "$work/list" "$root" "$r"
for jobs in 'fake multi-*' fake 'fake multi-good,multi-bad,multi-warns,multi-last,never'; do
	echo "$jobs" > "$r/joblist.txt"
	case $jobs in
	*never)
		status 2 "a job of $jobs" "$bin/dmabuf_results" "$r"
		says '1 subtests were not run'
		verdict never skip ;;
	*)
		status 1 "a job of $jobs" "$bin/dmabuf_results" "$r"
		verdict never none ;;
	esac
	verdict multi-good@d pass
	verdict multi-bad@d fail 'the second'
	verdict multi-warns warn hm
	verdict multi-last pass
	verdict 'multi-*' none
	verdict fake none
done

# Several subtests a process: what the end of one keeps from being run, another runs.
status 1 'several subtests a process' run -o -m --per-test-timeout 1 -t '@several' "$root" "$r"
if [ "$(cat "$r/joblist.txt")" = "$(printf '%s\n' 'fake several-1,several-hangs' \
	'fake several-2,several-killed' 'fake several-3')" ]; then
	ok
else
	bad 'the job list is not split where a process ended'; cat "$r/joblist.txt"
fi
verdict several-1 pass
verdict several-hangs timeout
verdict several-2 pass
verdict several-killed incomplete
verdict several-3 pass
rm -r "$r"
"$bin/dmabuf_runner" --allow-non-root -m -t '@several' "$root" "$r" > "$work/last" 2>&1 &
pid=$!
n=0
while ! grep -qs hangs "$r/0/journal.txt" && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -TERM $pid
wait $pid
check 'what one had come to is kept when it is interrupted' grep -q '^several-1' "$r/0/journal.txt"
status 1 'resume runs the rest' "$bin/dmabuf_resume" "$r"
verdict several-1 pass
verdict several-hangs incomplete
verdict several-3 pass
verdict several-killed incomplete
printf 'igt@core@pass\nigt@core@pass-too\nigt@core@dynamic-fails@good\n' > "$work/list"
mkdir "$work/part"
cp "$core" "$work/part/core"
printf 'TESTLIST\ncore\nEND TESTLIST\n' > "$work/part/test-list.txt"
status 0 'a dynamic subtest of a list' run -o -m --test-list "$work/list" "$work/part" "$r"
check 'is asked for alone' test "$(cat "$r/joblist.txt")" = "$(printf 'core pass,pass-too\ncore dynamic-fails@good')"
check 'and runs alone' test "$(grep -c '^Starting dynamic' "$r/1/out.txt")" -eq 1

# Its subtest ran twice then, and has one key.
for two in 'good bad' 'bad good'; do
	printf 'igt@core@dynamic-fails@%s\n' $two > "$work/list"
	status 1 'two dynamic subtests of one' run -o --test-list "$work/list" "$work/part" "$r"
	check "results.json has each once, and what failed: $two" python3 -c '
import json, sys
def pairs(p):
    assert len(dict(p)) == len(p), [k for k, _ in p]
    return dict(p)
r = json.load(open(sys.argv[1]), object_pairs_hook=pairs)
t = {k[9:]: v["result"] for k, v in r["tests"].items()}
assert t == {"dynamic-fails": "fail", "dynamic-fails@good": "pass", "dynamic-fails@bad": "fail"}, t
assert r["totals"][""]["fail"] == 2 and r["totals"][""]["pass"] == 1, r["totals"]
' "$r/results.json"
done

# What is left of results.
left() {
	want=$1
	shift
	run -o -l quiet "$@" "$work/part" "$r" > "$work/last" 2>&1
	is=$(sed -n 's/^  "igt@core@\([^"]*\)": {$/\1/p' "$r/results.json" | tr '\n' ' ')
	is="$is$(grep -c '^<testcase' "$r/junit.xml")"
	if [ "$is" = "$want" ]; then ok; else bad "$* leaves '$is', not '$want'"; fi
	"$bin/dmabuf_results" --ktap "$r" > "$work/last"
	if [ "$(sed -n 's/^  1[.][.]//p' "$work/last")" = "$(grep -cE '^  (not )?ok ' "$work/last")" ]; then
		ok
	else
		bad "$*: KTAP's plan"
	fi
}
these='@(pass|dynamic-(skips|passes))$'
parts='dynamic-skips@a dynamic-skips@b'
more='dynamic-passes@n0 dynamic-passes@n1 dynamic-passes@n2'
left "pass dynamic-skips $parts dynamic-passes $more 6" -t "$these"
left "pass dynamic-skips $parts dynamic-passes $more 6" --prune-mode keep-all -t "$these"
left 'pass dynamic-skips dynamic-passes 3' --prune-mode keep-subtests -t "$these"
left 'pass dynamic-skips dynamic-passes 3' --prune-mode keep-requested -t "$these"
left "pass $parts $more 6" --prune-mode keep-dynamic -t "$these"
left "pass $parts $more 6" --prune-mode keep-dynamic-subtests -t "$these"
printf 'igt@core@pass\nigt@core@dynamic-passes@n1\n' > "$work/list"
left 'pass dynamic-passes@n1 2' --prune-mode keep-requested --test-list "$work/list"
status 2 'a prune mode' run --prune-mode all "$root" "$work/n"
says "not 'all'"

# Hooks are the tests'.
status 0 'a hook' run -o --hook "echo hooked >>$work/hooked" -t '@ok$' "$root" "$r"
check 'it is given to the test' grep -q hooked "$work/hooked"
run -o -d --hook "echo hooked >>$work/hooked" --hook '*:true' -t '@ok$' "$root" "$r" > /dev/null
status 0 'resume with a hook' "$bin/dmabuf_resume" "$r"
check 'has it, too' test "$(wc -l < "$work/hooked")" -eq 2
status 2 'a hook that is none' run --hook 'now:true' "$root" "$work/n"
says "'now:true' is no hook"
status 0 'what hooks there are' run --help-hook
says post-dyn-subtest

# A test that says too much.
status 1 'a limit for what is said' run -o --disk-usage-limit 64k -t '@(floods|ok)$' "$root" "$r"
verdict ok pass
verdict floods incomplete 'disk-usage-limit is 65536'
check 'no more is kept' test "$(wc -c < "$r/1/out.txt")" -lt 100000
status 0 'a limit that is not reached' run -o --disk-usage-limit 1M -t '@ok$' "$root" "$r"
for n in 1x k -1 1kk 99999999999G; do
	status 2 "a limit of $n" run --disk-usage-limit $n "$root" "$work/n"
	says "not '$n'"
done

# What igt_runner does and this does not is said.
for option in --facts -f --kmemleak -k -keach --use-watchdog --piglit-style-dmesg --collect-code-cov \
	--coverage-per-test --collect-script=x --abort-on-monitored-error=ping; do
	status 2 "$option" run $option "$root" "$work/n"
	says "is igt_runner's, and not here: "
done

# Bad input: a message, status 2, and nothing made.
status 2 'no such test root' run "$work/nothing" "$work/n"
says 'test-list.txt'
mkdir "$work/empty"
status 2 'a test root without a list' run "$work/empty" "$work/n"
says 'test-list.txt'
printf 'TESTLIST\nmissing\nEND TESTLIST\n' > "$work/empty/test-list.txt"
status 2 'a test that is not there' run "$work/empty" "$work/n"
says missing
status 2 'a bad regular expression' run -t '(' "$root" "$work/n"
says "'('"
status 2 'a bad number' run --per-test-timeout soon "$root" "$work/n"
says soon
status 2 'a bad option' run --frob "$root" "$work/n"
status 2 'a newline in a variable' run -e "A=b
per_test_timeout : 1" "$root" "$work/n"
says newline
status 2 'a newline in a name' run -n 'a
b' "$root" "$work/n"
says newline
status 2 'an argument too many' run "$root" "$work/n" more
status 2 'an argument too few' run "$root"
status 2 'a results path in nothing' run "$root" "$work/nothing/n"
status 2 'results of nothing' "$bin/dmabuf_results" "$work/empty"
status 2 'nothing to continue' "$bin/dmabuf_resume" "$work/empty"
status 2 'a run that has ended' "$bin/dmabuf_resume" "$r"
says 'come to its end'
check 'no results were made' test ! -e "$work/n"
status 2 'a run in which all is skipped' run -t '@skips' "$root" "$work/s"
says 'Nothing was tested'

# Limits.
status 1 'a limit for each test' run --per-test-timeout 3 -t '@hangs|@ok$' "$root" "$work/p"
says 'hangs) timeout'
check 'the limit is in the journal' grep -q '^timeout:-9 (' "$work/p/1/journal.txt"
status 2 'a limit for all' run --overall-timeout 1 --inactivity-timeout 2 -t '@hangs|@floods' "$root" "$work/a"
says 'not run'
status 0 'the environment' run -e IGT_SENTINEL_ON_STDERR= -t '@ok$' "$root" "$work/e"
check 'it was passed on' test ! -s "$work/e/0/err.txt"

# A runner that is killed: what it had is kept, and the rest is run by resume.
"$bin/dmabuf_runner" --allow-non-root -t '@ok$|@dynamic-stuck|@fails' "$root" "$work/k" > /dev/null 2>&1 &
pid=$!
n=0
while ! grep -q stuck "$work/k/2/out.txt" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
children=$(pgrep -P $pid)
kill -9 $pid
wait $pid 2>/dev/null
n=0
for child in $children; do
	while grep -qs '^State:.*[RSD] ' "/proc/$child/status" && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
done
if [ $n -lt 100 ]; then ok; else bad 'the test outlives its runner'; fi
cp -r "$work/k" "$work/k2"
status 2 'a report on half a run' "$bin/dmabuf_results" "$work/k2"
says 'end'
status 1 'resume' "$bin/dmabuf_resume" "$work/k"
r=$work/k
mv "$r" "$work/r3"; rm -rf "$work/r"; mv "$work/r3" "$work/r"; r=$work/r
verdict ok pass
verdict dynamic-stuck@stuck incomplete
verdict fails fail
# One that is told to stop: it does, and the test that was running will run again.
"$bin/dmabuf_runner" --allow-non-root -t '@dynamic-stuck|@fails' "$root" "$work/t" > "$work/t.log" 2>&1 &
pid=$!
n=0
while ! grep -q stuck "$work/t/1/out.txt" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
status 2 'a second runner' run --overwrite "$root" "$work/t"
says 'in use'
status 2 'resume beside a runner' "$bin/dmabuf_resume" "$work/t"
says 'in use'
kill -TERM $pid
wait $pid
if [ $? -eq 2 ] && grep -q interrupted "$work/t.log" && [ ! -e "$work/t/1" ]; then ok; else bad 'SIGTERM'; fi

# A full disk: a message, and what was written before is still there.
mkdir "$work/full"
if mount -t tmpfs -o size=256k tmpfs "$work/full" 2>/dev/null; then
	status 2 'a full disk' run -t '@ok$|@floods' "$root" "$work/full/r"
	says 'No space left'
	check 'the first verdict is kept' grep -q SUCCESS "$work/full/r/0/out.txt"
	umount "$work/full"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
