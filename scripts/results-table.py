#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table subtest x kernel for docs/: results-table.py JUNIT...

How many exporters passed, failed and were skipped by each subtest on each kernel,
and why they were skipped."""
import re
import sys
import xml.etree.ElementTree as ET

kernels, cells, reasons = [], {}, {}
for path in sys.argv[1:]:
    root = ET.parse(path).getroot()
    kernel = next(p.get('value') for p in root.iter('property') if p.get('name') == 'kernel')
    kernels.append(kernel)
    for case in root.iter('testcase'):
        subtest = case.get('classname').replace('.', ' ')
        exporter = case.get('name')
        if ' ' not in subtest:
            subtest, exporter = f'{subtest} {exporter}', ''
        kind = case[0].tag if len(case) else 'pass'
        counts = cells.setdefault(subtest, {}).setdefault(kernel, {'pass': 0, 'fail': 0, 'skip': 0, 'why': set()})
        counts['skip' if kind == 'skipped' else 'pass' if kind == 'pass' else 'fail'] += 1
        if kind == 'skipped':
            why = case[0].get('message').replace(exporter, 'EXPORTER') if exporter else case[0].get('message')
            why = re.sub(r'0x[0-9a-f]+|\b\d{4,}\b', 'N', why)
            why = re.sub(r'/dev/\S+?(?=[):])', 'DEVICE', why).replace('|', '\\|')
            counts['why'].add(reasons.setdefault(why, len(reasons) + 1))

print('| subtest | ' + ' | '.join(kernels) + ' |')
print('| --- |' + ' --- |' * len(kernels))
for subtest in sorted(cells):
    row = []
    for kernel in kernels:
        c = cells[subtest].get(kernel)
        text = ', '.join(f'{c[k]} {k}' for k in ('pass', 'fail', 'skip') if c[k]) if c else ''
        row.append(text + (f" ({', '.join(map(str, sorted(c['why'])))})" if c and c['why'] else ''))
    print(f'| {subtest} | ' + ' | '.join(row) + ' |')
print('\nWhy subtests were skipped:\n')
for why, number in reasons.items():
    print(f'{number}. {why}')
