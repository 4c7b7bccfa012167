#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves contrib/kernel: each patch turns the verdicts that contrib/kernel/cures says, and
no other, and its reproducer fails before and passes after it.

    kernel-patches.py [--kernel SPEC] [--modules-of SUITE] [--keep DIR] [PATCH]...
    kernel-patches.py --judge BEFORE AFTER PATCH...

The first builds SPEC (source:7.2) with each patch and runs the suite; of a driver whose
devices another machine has it builds the module alone, for SUITE's kernel (debian:sid) of
that machine, which must be as old as SPEC. The second only compares two results directories,
where all of these patches came in between. Prints "ok ..." or "FAILED ..." lines; exit
status 0 if none FAILED."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CURES = TOP + '/contrib/kernel'
# What it draws may come upon a fault or not.
DRAWN = re.compile(r'igt@dmabuf_exercise@walk@')
BAD = {'fail', 'warn', 'dmesg-warn', 'dmesg-fail', 'crash', 'timeout', 'incomplete', 'abort'}


class Patch:
    def __init__(self, line):
        line, _, machine = line.partition(' @ ')
        line, _, where = line.partition(':')
        line, _, stands_on = line.partition('<')
        words = line.split()
        self.name = words[0]
        self.reproducer = words[1] if len(words) > 1 else None
        self.stands_on = stands_on.split()
        # What is run: the whole suite, or of a module's exporters some subtests.
        self.module, self.subtests = where.split() if where else (None, None)
        # Where its devices are, the folder of its driver, and the exporters that are run.
        self.arch, self.driver, self.exporters = machine.split() if machine else (None, None, None)
        self.turns = []

    def what(self):
        return self.module or self.driver or ''


def read_cures():
    patches = []
    for line in open(CURES + '/cures'):
        if not line.strip() or line.startswith('#'):
            continue
        if line[0].isspace():
            verdict, _, results = line.strip().partition(' of ')
            patch.turns.append((re.compile(verdict), re.compile(results)))
        else:
            patch = Patch(line)
            patches.append(patch)
    return patches


def verdicts(results):
    tests = json.load(open(results + '/results.json'))['tests']
    # A subtest is what its parts are.
    told = {k.rsplit('@', 1)[0] for k in tests if k.count('@') > 2}
    return {k: t['result'] for k, t in tests.items() if k not in told and not DRAWN.match(k)}


def judge(patches, before, after):
    """What is wrong with how it turned: lines."""
    before, after, turns = verdicts(before), verdicts(after), [t for p in patches for t in p.turns]
    wrong, turned = [], 0
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, 'absent'), after.get(key, 'absent')
        told = [verdict for verdict, results in turns if results.fullmatch(key)]
        if was == now:
            # It was to be mended, or to be told.
            if was in BAD and told and not any(v.fullmatch(now) for v in told):
                wrong.append(f'too little: {key} is {now} as before')
        elif not any(v.fullmatch(now) for v in told):
            wrong.append(f'too much: {key} went from {was} to {now}')
        else:
            turned += 1
    if not turned:
        wrong.append('nothing turned')
    return wrong, turned


def say(wrong, what):
    print('FAILED' if wrong else 'ok', what, flush=True)
    for line in wrong[:20]:
        print('  ' + line, flush=True)
    return not wrong


def tree_of(kernel):
    found = subprocess.run([TOP + '/runner/vm/kernel.sh', kernel], stdout=subprocess.PIPE, text=True, check=True)
    return re.search('^build=(.*)$', found.stdout, re.M)[1]


class Lab:
    def __init__(self, kernel, tree, suite, keep):
        self.kernel, self.tree, self.debian, self.keep = kernel, tree, suite, keep

    def changes(self, patches):
        return [w for p in patches for w in ('--patch', f'{CURES}/{p}.patch')]

    def patched(self, driver, patches):
        """A copy of the driver's folder, which finds what is beside that in the tree."""
        copy = f'{self.keep}/{"-".join([*patches, "of", os.path.basename(driver)])}.src'
        folder = f'{self.tree}/{driver}'
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy,
                        ignore=shutil.ignore_patterns('*.o', '*.a', '*.ko', '.*', '*.mod*', 'modules.order'))
        # The compiler is told to look in some of the driver's folders: in which does not matter.
        folders = [path for path, _, _ in os.walk(folder)]
        for name in glob.glob(copy + '/**/*.[ch]', recursive=True):
            def absolute(include):
                for path in [f'{folder}/{os.path.relpath(os.path.dirname(name), copy)}', *folders]:
                    there = os.path.normpath(f'{path}/{include[1]}')
                    if os.path.exists(there):
                        return include[0] if there.startswith(folder + '/') else f'#include "{there}"'
                return include[0]

            with open(name) as f:
                text = f.read()
            text = re.sub('(#define TRACE_INCLUDE_PATH ).*/.*', r'\1.', text)
            with open(name, 'w') as f:
                f.write(re.sub('#include "([.][.]/[^"]*)"', absolute, text))
        for p in patches:
            subprocess.run(['patch', '-s', '-d', copy, f'-p{driver.count("/") + 2}', '-i', f'{CURES}/{p}.patch'],
                           check=True)
        return copy

    def run(self, p, patches, name):
        """The suite, or what of it the patch is about: the results directory."""
        if not p.driver:
            some = ['--module', f'{TOP}/{p.module}', '-t', p.subtests] if p.module else []
            return self.suite(name, p.what(), ['--kernel', self.kernel, *self.changes(patches), *some])
        module = ['--module', self.patched(p.driver, patches)] if patches else []
        return self.suite(name, p.what(), ['--arch', p.arch, '--kernel', self.debian, *module, '-t', p.exporters])

    def suite(self, name, what, options):
        """The results directory; what is there already is not run again."""
        name += '-' + os.path.basename(what) if what else ''
        results = f'{self.keep}/{name}'
        if not os.path.exists(results + '/results.json'):
            shutil.rmtree(results, ignore_errors=True)
            with open(f'{self.keep}/{name}.log', 'w') as log:
                subprocess.run([TOP + '/scripts/run-tests.sh', '--no-expectations', *options, '-o', results],
                               stdout=log, stderr=log)
        if not os.path.exists(results + '/results.json'):
            sys.exit(f'kernel-patches.py: nothing was run: {self.keep}/{name}.log')
        return results

    def reproduce(self, source, patches):
        """The reproducer's exit status in the lab."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + '/usr/bin')
            subprocess.run(['cc', '-static', '-o', root + '/usr/bin/reproducer', f'{CURES}/{source}'], check=True)
            return subprocess.run([TOP + '/runner/vm/run.sh', '--kernel', self.kernel, *self.changes(patches),
                                   '--root', root, '--results', root + '/results', '--', 'reproducer'],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def style(tree):
    """Of all patches, also those whose hardware the lab does not have: that the kernel's own
    checkpatch.pl has nothing to say."""
    good = True
    for name in sorted(n for n in os.listdir(CURES) if n.endswith('.patch')):
        # Whether a commit is there cannot be said without the history.
        said = subprocess.run(['perl', 'scripts/checkpatch.pl', '--no-tree', '--terse', '--strict',
                               '--ignore', 'UNKNOWN_COMMIT_ID', f'{CURES}/{name}'],
                              cwd=tree, stdout=subprocess.PIPE, text=True)
        good &= say(said.stdout.splitlines() if said.returncode else [], f'{name}: checkpatch.pl')
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kernel', default='source:7.2', help='what is built: source:VERSION or a tree')
    parser.add_argument('--modules-of', metavar='SUITE', default='debian:sid', help='for whose kernel a driver is built')
    parser.add_argument('--keep', metavar='DIR', help='the results go there, and what is there is taken as it is')
    parser.add_argument('--judge', nargs=2, metavar=('BEFORE', 'AFTER'), help='only compare these results')
    parser.add_argument('patch', nargs='*', help='a line of contrib/kernel/cures (default: all)')
    args = parser.parse_args()
    cures = read_cures()
    for name in args.patch:
        if name not in [p.name for p in cures]:
            parser.error(f"contrib/kernel/cures has no '{name}'")
    chosen = [p for p in cures if p.name in args.patch or not args.patch]
    if args.judge:
        wrong, turned = judge([p for p in chosen if not p.what()], *args.judge)
        return 0 if say(wrong, f'{", ".join(args.patch or ["all"])}: {turned} verdicts turned') else 1

    tree = tree_of(args.kernel)
    good = style(tree)
    with tempfile.TemporaryDirectory() as work:
        lab = Lab(args.kernel, tree, args.modules_of, os.path.abspath(args.keep or work))
        os.makedirs(lab.keep, exist_ok=True)
        for p in chosen:
            patches = [*p.stands_on, p.name]
            wrong, turned = judge([p], lab.run(p, [], 'before'), lab.run(p, patches, p.name))
            good &= say(wrong, f'{p.name}: {turned} verdicts turned, and no other' +
                        (f' (of {p.what()})' if p.what() else ''))
            if p.reproducer:
                was, now = lab.reproduce(p.reproducer, p.stands_on), lab.reproduce(p.reproducer, patches)
                good &= say([] if (was, now) == (1, 0) else [f'status {was} before and {now} after'],
                            f'{p.reproducer} fails before {p.name} and passes after it')
    return 0 if good else 1


sys.exit(main())
