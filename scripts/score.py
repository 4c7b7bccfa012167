#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the suite is right about the calibration module: score.py ROWS JUNIT...

ROWS is what /sys/kernel/debug/dma_calib/rows says: "NAME obeys WHAT" or "NAME breaks
CLAUSE[,CLAUSE] WHAT" a line. Prints a table for docs/. Exit status 1 if a violator is
failed by no subtest that names a clause which it breaks, or if an obeying exporter is
failed by any subtest, or judged by none."""
import sys
import xml.etree.ElementTree as ET

if len(sys.argv) < 3:
    sys.exit(__doc__)
bad, passes, kernels = {}, {}, set()
for path in sys.argv[2:]:
    root = ET.parse(path).getroot()
    kernels |= {p.get('value') for p in root.iter('property') if p.get('name') == 'kernel'}
    for case in root.iter('testcase'):
        subtest = case.get('classname').replace('.', '@')
        verdict = [e for e in case if e.tag in ('failure', 'error')]
        if verdict:
            clause = verdict[0].get('message').split(':')[0]
            bad.setdefault(case.get('name'), []).append((clause, subtest))
        elif not len(case):
            passes[case.get('name')] = passes.get(case.get('name'), 0) + 1

print(f"Linux {', '.join(sorted(kernels))}\n")
print('| exporter | breaks | what it does | subtests that fail it by that clause | others |')
print('| --- | --- | --- | --- | --- |')
wrong, rows = 0, 0
for line in open(sys.argv[1]):
    name, verb, rest = line.rstrip('\n').split(' ', 2)
    clauses, what = ([], rest) if verb == 'obeys' else (rest.split(' ', 1)[0].split(','), rest.split(' ', 1)[1])
    failed = bad.get('calib-' + name, [])
    named = [s for c, s in failed if c in clauses]
    others = sorted({c for c, s in failed if c not in clauses})
    rows += 1
    if verb == 'obeys':
        right = not failed and passes.get('calib-' + name, 0) > 0
        shown = f"none, and {passes.get('calib-' + name, 0)} pass" if right else 'ACCUSED: ' + ' '.join(s for c, s in failed)
    else:
        right = bool(named)
        shown = (f'{len(named)}, first {named[0]}' if named else 'MISSED')
        missing = [c for c in clauses if c not in {c for c, s in failed}]
        if named and missing:
            shown += f" (none names {', '.join(missing)})"
    wrong += not right
    print(f"| {name} | {', '.join(clauses) or 'nothing'} | {what} | {shown} | {', '.join(others)} |")
print(f'\n{rows - wrong} of {rows} right')
sys.exit(1 if wrong or not rows else 0)
