#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes expectations/*.txt of docs/findings.md: expectations.py [--check]

A line "KERNEL ... igt@PATTERN" of a section is expected of these kernels, which are
the names of expectations/kernels; "-iommu" behind one of arm64: with --iommu alone, without
it: with and without. With " or passes" behind it it is in -flakes.txt as
well as in -fails.txt: what is drawn may not come to the fault. --check changes nothing:
it exits 1 where a file is not what would be made."""
import pathlib
import re
import sys

top = pathlib.Path(__file__).resolve().parent.parent
known = [line.split()[1] for line in (top / 'expectations/kernels').read_text().splitlines()
         if line and not line.startswith('#')]
known += [name + '-iommu' for name in known if name.endswith('-arm64')]
fails = {kernel: '' for kernel in known}
flakes = {kernel: '' for kernel in known}
section = ''
for line in (top / 'docs/findings.md').read_text().splitlines():
    if line.startswith('## '):
        section = line[3:]
        told = set()
    match = re.fullmatch(r'      ((?:\S+ )+)(igt@\S+)( or passes)?', line)
    for kernel in match[1].split() if match else []:
        if kernel not in fails:
            sys.exit(f'docs/findings.md: {kernel} is not in expectations/kernels')
        for name in [n for n in (kernel, kernel + '-iommu') if n in fails]:
            if name not in told:
                fails[name] += f'\n# {section}\n'
                told.add(name)
            fails[name] += f'{match[2]},Fail\n'
            if match[3]:
                flakes[name] += f'{match[2]}\n'

wrong = 0
for kind, files in ('fails', fails), ('flakes', flakes):
    for kernel, text in files.items():
        path = top / f'expectations/{kernel}-{kind}.txt'
        text = '# Made by scripts/expectations.py from docs/findings.md\n' + text
        if sys.argv[1:] != ['--check']:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f'{path} is not what scripts/expectations.py makes of docs/findings.md')
            wrong += 1
sys.exit(1 if wrong else 0)
