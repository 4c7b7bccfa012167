#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves contrib/kernel: each patch turns the verdicts that contrib/kernel/cures says, and
no other, and its reproducer fails before and passes after it.

    kernel-patches.py [--kernel SPEC] [--keep DIR] [PATCH]...
    kernel-patches.py --judge BEFORE AFTER PATCH...

The first builds SPEC (source:7.2) with each patch and runs the suite. The second only
compares two results directories, where all of these patches came in between. Prints "ok ..."
or "FAILED ..." lines; exit status 0 if none FAILED."""
import argparse
import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CURES = TOP + '/contrib/kernel'
# What it draws may come upon a fault or not.
DRAWN = re.compile(r'igt@dmabuf_exercise@walk@')
# In the guest: to a driver's devices, by the name that it gives them.
DEVICES = '''
for node in /dev/dri/card* /dev/video*; do
	case $(cat /sys/kernel/debug/dri/${node#/dev/dri/card}/name \\
		/sys/class/video4linux/${node#/dev/}/name 2>/dev/null) in
	"$0"*) set -- "$@" $node ;;
	esac
done
exec reproducer "$@"'''
BAD = {'fail', 'warn', 'dmesg-warn', 'dmesg-fail', 'crash', 'timeout', 'incomplete', 'abort'}


class Patch:
    def __init__(self, line):
        line, _, machine = line.partition(' @ ')
        line, _, where = line.partition(' : ')
        line, _, stands_on = line.partition(' < ')
        words = line.split()
        self.name = words[0]
        # The source, and the name of the driver whose devices it gets; without one, all do.
        self.reproducer, _, self.driver = words[1].partition(':') if len(words) > 1 else ('', '', '')
        self.stands_on = stands_on.split()
        # What is run: the whole suite; or some subtests, of a module's exporters or on
        # another machine.
        self.subtests, self.what, self.options, self.machine = None, '', [], []
        if where:
            self.what, self.subtests = where.split()
            self.options = ['--module', f'{TOP}/{self.what}', '-t', self.subtests]
        elif machine:
            arch, *options, self.subtests = machine.split()
            self.what = ' '.join([arch, *options])
            self.machine = ['--arch', arch, *options]
            self.options = [*self.machine, '-t', self.subtests]
        self.turns = []

    def folder(self, name):
        """Of the results with this patch, or of those before it."""
        return re.sub('[^A-Za-z0-9]+', '-', ' '.join([name, self.what, self.subtests or '']).strip()).strip('-')


def read_cures():
    patches = []
    for line in open(CURES + '/cures'):
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith('\tas '):
            patch.turns += [t for p in patches if p.name == line.split()[1] for t in p.turns]
        elif line[0].isspace():
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
    found = subprocess.run([TOP + '/runner/vm/kernel.sh', kernel], stdout=subprocess.PIPE, text=True)
    tree = re.search('^build=(.*)$', found.stdout, re.M)
    if not tree:
        if not found.returncode:
            print(f'kernel-patches.py: {kernel} is neither source:VERSION nor a tree', file=sys.stderr)
        sys.exit(2)
    return tree[1]


class Lab:
    def __init__(self, kernel, keep):
        self.kernel, self.keep = kernel, keep

    def changes(self, patches):
        return [w for p in patches for w in ('--patch', f'{CURES}/{p}.patch')]

    def run(self, p, patches, name):
        """The results directory; what is there already is not run again."""
        results = f'{self.keep}/{p.folder(name)}'
        if not os.path.exists(results + '/results.json'):
            shutil.rmtree(results, ignore_errors=True)
            with open(results + '.log', 'w') as log:
                subprocess.run([TOP + '/scripts/run-tests.sh', '--no-expectations', '--kernel', self.kernel,
                                *self.changes(patches), *p.options, '-o', results], stdout=log, stderr=log)
        if not os.path.exists(results + '/results.json'):
            sys.exit(f'kernel-patches.py: nothing was run: {results}.log')
        return results

    def reproduce(self, p, patches):
        """The reproducer's exit status in the lab; 1 as well if the kernel came to its end."""
        compiler = ['cc']
        if p.machine:
            sysroot = subprocess.run([TOP + '/runner/vm/sysroot.sh', p.machine[1]], stdout=subprocess.PIPE, text=True,
                                     check=True).stdout.strip()
            compiler = ast.literal_eval(re.search('^c = (.*)$', open(sysroot + '/cross').read(), re.M)[1])
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + '/usr/bin')
            subprocess.run([*compiler, '-static', '-o', root + '/usr/bin/reproducer', f'{CURES}/{p.reproducer}'],
                           check=True)
            ran = subprocess.run([TOP + '/runner/vm/run.sh', *p.machine, '--kernel', self.kernel,
                                  *self.changes(patches), '--root', root, '--results', root + '/results',
                                  '--', 'sh', '-c', DEVICES, p.driver],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(root + '/results/console.txt', errors='replace') as console:
                return 1 if ran.returncode == 125 and 'kernel BUG at' in console.read() else ran.returncode


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
    parser.add_argument('--keep', metavar='DIR', help='the results go there, and what is there is taken as it is')
    parser.add_argument('--judge', nargs=2, metavar=('BEFORE', 'AFTER'), help='only compare these results')
    parser.add_argument('patch', nargs='*', help='a line of contrib/kernel/cures (default: all)')
    args = parser.parse_args()
    # What runs is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cures = read_cures()
    # By the name of its file as well.
    args.patch = [re.sub(r'(.*/)?([^/]*?)(\.patch)?$', r'\2', name) for name in args.patch]
    names = [p.name for p in cures]
    for name in args.patch:
        if name not in names:
            parser.error(f"contrib/kernel/cures has no '{name}', but {' '.join(dict.fromkeys(names))}")
    for results in args.judge or []:
        if not os.path.exists(results + '/results.json'):
            parser.error(f'{results} has no results.json')
    chosen = [p for p in cures if p.name in args.patch or not args.patch]
    if args.judge:
        wrong, turned = judge([p for p in chosen if not p.what], *args.judge)
        return 0 if say(wrong, f'{", ".join(args.patch or ["all"])}: {turned} verdicts turned') else 1

    tree = tree_of(args.kernel)
    good = style(tree)
    with tempfile.TemporaryDirectory() as work:
        lab = Lab(args.kernel, os.path.abspath(args.keep or work))
        os.makedirs(lab.keep, exist_ok=True)
        for p in chosen:
            patches = [*p.stands_on, p.name]
            wrong, turned = judge([p], lab.run(p, [], 'before'), lab.run(p, patches, p.name))
            good &= say(wrong, f'{p.name}: {turned} verdicts turned, and no other' +
                        (f' ({p.what})' if p.what else ''))
            if p.reproducer:
                was, now = lab.reproduce(p, p.stands_on), lab.reproduce(p, patches)
                good &= say([] if (was, now) == (1, 0) else [f'status {was} before and {now} after'],
                            f'{p.reproducer} fails before {p.name} and passes after it')
    return 0 if good else 1


sys.exit(main())
