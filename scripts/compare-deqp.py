#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares verdicts: compare-deqp.py RESULTS_JSON CASES VERDICT...

RESULTS_JSON is ours, on a run; CASES is what like-deqp.sh said of subtests of it by
their exit status alone. They must agree on each, and each VERDICT must be among them.
What only the kernel log or a warning tells, an exit status does not; a part that crashed
is the crash of its process."""
import json
import sys

STATUS = {'pass': 'Pass', 'warn': 'Pass', 'dmesg-warn': 'Pass', 'fail': 'Fail', 'dmesg-fail': 'Fail',
          'skip': 'Skip', 'crash': 'Crash', 'abort': 'Crash', 'incomplete': 'Crash'}

with open(sys.argv[1]) as f:
    ours = {name: test['result'] for name, test in json.load(f)['tests'].items()}
for name, verdict in list(ours.items()):
    if verdict == 'crash':
        ours['@'.join(name.split('@')[:3])] = verdict
with open(sys.argv[2]) as f:
    theirs = dict(line.rstrip('\n').split(',') for line in f)

differences = 0
for name, verdict in theirs.items():
    if STATUS.get(ours.get('igt@' + name)) != verdict:
        print(f'{name}: {verdict} by its exit status, we say {ours.get("igt@" + name)}')
        differences += 1
missing = set(sys.argv[3:]) - set(theirs.values())
print(f'{len(theirs)} verdicts, {differences} differences', *[f'and no {v}' for v in missing])
sys.exit(1 if differences or missing or not theirs else 0)
