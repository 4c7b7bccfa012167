#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The map of all implementations, docs/exporters.md: exporters-map.py [--add] RESULTS[:iommu]...

RESULTS are folders of runs; ":iommu" behind one of --iommu. --add: beside what the map has. Of each line of
docs/exporters.table it says by which exporters and on which kernels it was judged, which
clauses were seen broken and which held; or, where no run did, whether lib/exporters/ has an
entry for it, which check-abi.py compares with the kernel's headers, or why there is none."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

if len(sys.argv) < 2:
    sys.exit(__doc__)
top = pathlib.Path(__file__).resolve().parent.parent
WAYS = {'BO', 'ENTRY'}    # where something is broken, not what
clauses = set(re.findall(r'^### ([A-Z]+)$', (top / 'docs/contract.md').read_text(), re.M)) - WAYS
drivers = (top / 'lib/exporters/drm_drivers.c').read_text()
entries = set(re.findall(r'\.(?:driver|name) = "([^"]*)"', drivers))

old = {}    # (what, source) -> exporters, where, broken, held, of the map as it is
if sys.argv[1] == '--add':
    del sys.argv[1]
    for line in (top / 'docs/exporters.md').read_text().splitlines():
        row = [word.strip() for word in line.strip('|').split(' | ')]
        if line.startswith('| ') and len(row) == 6 and row[3]:
            split = [row[2].split(', '), row[3].split(', '), row[4].split(), row[5].split()]
            old[row[0], row[1].strip('`')] = [set(words) - {'-'} for words in split]

runs = []    # (release arch, exporter -> broken clauses, exporter -> held clauses)
for arg in sys.argv[1:]:
    path, _, iommu = arg.partition(':')
    folder = pathlib.Path(path)
    uname = (folder / 'uname.txt').read_text().split()
    arch = {'aarch64': 'arm64', 'armv7l': 'armhf'}.get(uname[-1], uname[-1])
    where = f"{re.match('[0-9.]*[0-9]', uname[2])[0]} {arch}{' iommu' if iommu else ''}"
    broken, held = {}, {}
    for case in ET.parse(folder / 'junit.xml').getroot().iter('testcase'):
        for e in case:
            if e.tag in ('failure', 'error'):
                clause = e.get('message').split(':')[0]
                told = re.search(r'does not hold: ([A-Z]+):', e.text or '')
                clause = told[1] if told else clause
                # Once a walk has asked for a move, it lays all words at its door.
                if clause != 'MOVE' or 'exercise' not in case.get('classname'):
                    broken.setdefault(case.get('name'), set()).add(clause)
    for out in folder.glob('[0-9]*/out.txt'):
        exporter = None
        for line in out.read_text(errors='replace').splitlines():
            if line.startswith('Starting dynamic subtest: '):
                exporter = line.split(': ', 1)[1]
            elif line.startswith('Saw: ') and exporter:
                held.setdefault(exporter, set()).update(set(line.split(': ')[1].split()) & clauses)
    runs.append((where, broken, held))

def text(words):
    return ' '.join(sorted(words & clauses)) or '-'

judged, entered, others, rows = [], 0, 0, []
for line in (top / 'docs/exporters.table').read_text().splitlines():
    if line.startswith('#'):
        continue
    what, source, names, place, why = [word.strip() for word in f'{line} '.split(' | ')]
    seen, on, bad, good = old.get((what, source), (set(), set(), set(), set()))
    for where, broken, held in runs:
        if not names or not re.search(place, where):
            continue
        found = {e for e in held if re.fullmatch(names, re.sub(r'-\d+$', '', e))}
        if not found:
            continue
        seen |= found
        on.add(where)
        for e in found:
            bad |= broken.get(e, set())
            good |= held[e]
    if seen:
        judged.append(what)
        verdict = f"{', '.join(sorted(seen))} | {', '.join(sorted(on))} | {text(bad)} | {text(good - bad)}"
    else:
        driver = re.match(r'[a-z0-9_]*', names)[0] if names else ''
        entry = driver in entries
        entered += entry
        others += not entry
        state = 'compiled, its ABI compared' if entry else 'out of reach' if why else 'not run'
        verdict = f"{state}{': ' if why else ''}{why} | | |"
    rows.append(f'| {what} | `{source}` | {verdict} |')

print(f'''# Every implementation

The mmap implementations behind a dma-buf in Linux 7.2, and what runs in the lab saw of each. Made by
`scripts/exporters-map.py` from the results and [exporters.table](exporters.table); do not edit.

Of {len(rows)}, {len(judged)} were judged by a run, {entered} have an entry in `lib/exporters/` for whoever has
the hardware, and {others} are out of reach. "Broken" has each clause that a subtest saw broken on one
of the kernels, "held" those that were judged and never broken.

| what maps | source | exporters | on | broken | held |
| --- | --- | --- | --- | --- | --- |''')
print('\n'.join(rows))
