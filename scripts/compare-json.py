#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares results.json of igt_results and of dmabuf_results, of one run, field by field:
compare-json.py [--verdicts] THEIRS OURS

All has to be the same but times, which have to be there. Of a notrun and of what was
aborted igt_results has fields of its own. --verdicts: of two runs, which results there are,
and their verdicts."""
import json
import sys

differences = 0


def compare(path, a, b):
    global differences
    if isinstance(a, dict) and isinstance(b, dict):
        if a.get('__type__') == b.get('__type__') == 'TimeAttribute':
            return
        for key in sorted(set(a) | set(b)):
            if (key in a) != (key in b):
                differences += 1
                print(f"{path}/{key}: only {'theirs' if key in a else 'ours'} has it")
            else:
                compare(f'{path}/{key}', a[key], b[key])
    elif a != b:
        differences += 1
        print(f'{path}: theirs {str(a)[-200:]!r}, ours {str(b)[-200:]!r}')


theirs, ours = (json.load(open(path)) for path in sys.argv[-2:])
if sys.argv[1] == '--verdicts':
    theirs, ours = ({'tests': {name: test['result'] for name, test in run['tests'].items()}}
                    for run in (theirs, ours))
compare('', theirs, ours)
print(f"{len(theirs['tests'])} results, {differences} differences")
sys.exit(1 if differences or not theirs['tests'] else 0)
