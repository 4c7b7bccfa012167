#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What many subtests cost: many.py RUNNER REPORTER TRIVIAL FOLDER COUNT...

Runs COUNT subtests (in hundreds: TRIVIAL has 200) in FOLDER, each in a process, and
reports on them. The time a subtest is to be the same for each COUNT, and the memory of the
runner too; the reports are report.txt, junit.xml and results.json, and the page."""
import os
import shutil
import subprocess
import sys
import time

EACH = 200


def run(*command):
    """Its seconds, its seconds of CPU time and its memory in MiB."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    pid = most = 0
    while not pid:
        # What wait4() says is what this process has, from before the exec().
        with open(f'/proc/{child.pid}/status') as f:
            most = max([most, *(int(line.split()[1]) for line in f if line.startswith('VmHWM:'))])
        time.sleep(0.01)
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, most / 1024


runner, reporter, trivial, folder = sys.argv[1:5]
for count in map(int, sys.argv[5:]):
    root, results = f'{folder}/root-{count}', f'{folder}/results-{count}'
    names = [f't{n}' for n in range(count // EACH)]
    os.mkdir(root)
    for name in names:
        shutil.copy(trivial, f'{root}/{name}')
    with open(f'{root}/test-list.txt', 'w') as f:
        print('TESTLIST', *names, 'END TESTLIST', sep='\n', file=f)
    for label, options in ('', []), (' -m', ['-m']):
        shutil.rmtree(results, ignore_errors=True)
        wall, cpu, memory = run(runner, '--allow-non-root', '-l', 'quiet', '--no-report', *options,
                                root, results)
        texts = run(reporter, results)
        page = run(reporter, '--html', f'{folder}/page.html', results)
        print(f'{count:6} subtests{label:3}: {wall / count * 1e3:.2f} ms each ({cpu / count * 1e3:.2f} of CPU), '
              f'{memory:.1f} MiB; reports {texts[0] + page[0]:.2f} s ({texts[1] + page[1]:.2f} of CPU), '
              f'{max(texts[2], page[2]):.1f} MiB', flush=True)
    shutil.rmtree(results)
    shutil.rmtree(root)
