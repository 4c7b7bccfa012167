#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares verdicts: compare-igt.py RESULTS_JSON JUNIT_XML

RESULTS_JSON is igt_results' word on a run, JUNIT_XML is ours, on the same or on
another run. Every verdict of igt_results must be in junit.xml and the same;
only subtests whose dynamic parts are there themselves may be missing."""
import json
import sys
import xml.etree.ElementTree as ET

igt = {name: test['result'] for name, test in json.load(open(sys.argv[1]))['tests'].items()}
ours = {}
for case in ET.parse(sys.argv[2]).getroot().iter('testcase'):
    bad = [e for e in case if e.tag in ('failure', 'error', 'skipped')]
    name = 'igt@' + case.get('classname').replace('.', '@') + '@' + case.get('name')
    ours[name] = bad[0].get('type', 'skip') if bad else 'pass'

differences = 0
for name in sorted(set(igt) | set(ours)):
    told_by_parts = name in igt and any(n.startswith(name + '@') for n in ours)
    if igt.get(name) != ours.get(name) and not (told_by_parts and name not in ours):
        print(f'{name}: igt_results says {igt.get(name)}, we say {ours.get(name)}')
        differences += 1
print(f'{len(igt)} verdicts of igt_results, {len(ours)} of ours, {differences} differences')
sys.exit(1 if differences or not igt else 0)
