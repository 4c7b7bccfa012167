#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares options: compare-options.py THEIRS OURS MANUAL

THEIRS is what igt_runner --help prints, OURS what dmabuf_runner --help does, MANUAL is
dmabuf_runner(1). Each option and each choice that the first names has to be in the
others, done or refused by its name."""
import re
import sys

OPTION = r'(?<![\w-])(--?[a-zA-Z][\w-]*)'
theirs, ours, manual = (open(path).read() for path in sys.argv[1:])
# In mdoc an option is "Fl -name", without its first dash.
named = {'-' + flag for line in manual.splitlines() if line.startswith('.It Fl')
         for flag in re.findall(r'\bFl (-?[\w-]+)', line)}

wanted = set(re.findall(OPTION, theirs)) - {'-k<option>'}
choices = {name for name in re.findall(r'^ +([a-z-]+) +- ', theirs, re.M)}
missing = [f'{option} is not in {where}' for option in sorted(wanted)
           for where, there in (('--help', re.findall(OPTION, ours)), ('the manual page', named))
           if option not in there]
missing += [f'{choice} is not in the manual page' for choice in sorted(choices)
            if not re.search(rf'^\.[^\n]*\b{choice}\b', manual, re.M)]
print(*missing, f'{len(wanted)} options, {len(choices)} choices, {len(missing)} missing', sep='\n')
sys.exit(1 if missing or not wanted or not choices else 0)
