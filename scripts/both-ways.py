#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether every subtest has passed and failed: both-ways.py BUT JUNIT...

A subtest that nothing ever fails, or that nothing ever passes, says nothing. Lists
those of the runs, less what the regular expression BUT matches (BINARY@SUBTEST).
Exit status 1 if there are any."""
import re
import sys
import xml.etree.ElementTree as ET

if len(sys.argv) < 3:
    sys.exit(__doc__)
passed, failed, subtests = set(), set(), set()
for path in sys.argv[2:]:
    for case in ET.parse(path).getroot().iter('testcase'):
        name = case.get('classname').replace('.', '@')
        # Of a subtest that asked nobody there is nothing but its own verdict.
        if '@' not in name:
            name += '@' + case.get('name')
        subtests.add(name)
        if case.find('failure') is not None or case.find('error') is not None:
            failed.add(name)
        elif case.find('skipped') is None:
            passed.add(name)

wrong = 0
for name in sorted(subtests):
    never = [what for what, those in (('passed', passed), ('failed', failed)) if name not in those]
    if never and not re.fullmatch(sys.argv[1], name):
        wrong += 1
        print(f"{name} has never {' or '.join(never)}")
print(f'{len(subtests) - wrong} of {len(subtests)} subtests are right')
sys.exit(1 if wrong or not subtests else 0)
