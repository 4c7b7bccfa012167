#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a test says of itself what igt-gpu-tools wants: check-blocks.py TEST.c BINARY

In comments that begin with /** the source has TEST, the fields below, and each subtest
that the binary lists in exactly one SUBTEST with a Description, and no other. The N-th
%s of a SUBTEST stands for each of the values of "arg[N].values: A, B" in its comment."""
import collections
import itertools
import re
import subprocess
import sys

FIELDS = ('TEST', 'Category', 'Mega feature', 'Sub-category', 'Functionality', 'Description')

if len(sys.argv) != 3:
    sys.exit(__doc__)
source, binary = sys.argv[1:]
problems = []
fields, documented = {}, collections.Counter()
with open(source) as f:
    comments = re.findall(r'^/\*\*\n(.*?)^ \*/', f.read(), re.M | re.S)
for comment in comments:
    args, subtests = collections.defaultdict(list), []
    for line in comment.splitlines():
        m = re.match(r' \* (?:arg\[(\d)\]\.values|([A-Z][\w -]*)):\s*(.*)', line)
        if not m:
            continue
        if m[1]:
            args[m[1]] += re.split(r',\s*', m[3].rstrip(', '))
        elif m[2] == 'SUBTEST':
            subtests.append({'SUBTEST': m[3]})
        else:
            (subtests[-1] if subtests else fields)[m[2]] = m[3]
    for subtest in subtests:
        name = subtest['SUBTEST']
        if not subtest.get('Description'):
            problems.append(f'SUBTEST: {name} has no Description')
        values = [args[str(n + 1)] for n in range(name.count('%s'))]
        documented.update(name % each for each in itertools.product(*values))

problems += [f'there is no {field}' for field in FIELDS if not fields.get(field)]
listed = subprocess.run([binary, '--list-subtests'], check=True, stdout=subprocess.PIPE,
                        text=True).stdout.split()
problems += [f'{s} is in no SUBTEST' for s in listed if s not in documented]
problems += [f'{s} is in a SUBTEST, and no subtest' for s in documented if s not in listed]
problems += [f'{s} is in {n} SUBTESTs' for s, n in documented.items() if n > 1]
if problems:
    sys.exit('\n'.join(f'{source}: {p}' for p in problems))
