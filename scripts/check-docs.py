#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every command line that README.md, CONTRIBUTING.md and docs/ show, as it is
written: check-docs.py [--no-lab] WORK

On this machine, or in one boot on a machine with exporters, by on-machine.sh. A copy of
this tree, built, is mounted in its place meanwhile, and an empty folder on /tmp, for these
lines alone: both are in the new folder WORK. After run-tests.sh --build-only. A line that
the tables below do not know fails, and so does one that they know and no page shows.
Prints "ok WHAT" or "FAILED WHAT" a line; exit status 1 if one failed."""
import glob
import os
import re
import shutil
import subprocess
import sys
import textwrap

# Indented text that is no command line, by its first line.
OTHER_TEXT = {
    r'\.\.\.$|Saw: |.*: fail: |WHOLE: |known faults, |only in |what differs ': 'what a run says',
    r'lib/dmabuf_gup: ': 'a commit message',
    r'// SPDX|extern const |/\* drm/|\{$': 'C',
    r'symbol  |DRM_QXL  | *debian-[0-9]': 'lines of a table',
    r'# SPDX': "a board's file",
}

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INSTALLED = '/usr/local/libexec/dmabuf-contract'

# Not run, and why.
READERS = 'names files of the reader, who has a kernel or a module of their own'
WHOLE = 'check.sh runs it whole'
PATCHES = 'check.sh --kernel-patches: builds kernels'
ARM64 = 'as on x86-64, on a machine whose emulation takes minutes'
NOT_RUN = {
    'make -j"$(nproc)" bzImage modules': READERS,
    'make modules_install INSTALL_MOD_PATH=/tmp/mods': READERS,
    'cd .../dmabuf-contract': READERS,
    'scripts/run-tests.sh --kernel .../linux/arch/x86/boot/bzImage --modules /tmp/mods': READERS,
    'scripts/run-tests.sh --kernel arch/x86/boot/bzImage --modules DIR': READERS,
    'scripts/run-tests.sh --kernel TREE': READERS,
    'scripts/run-tests.sh --module FILE.ko': READERS,
    'scripts/run-tests.sh --module drivers/mine/mine.ko': READERS,
    'scripts/run-tests.sh --module drivers/mine': READERS,
    'scripts/run-tests.sh --kernel source:7.2': 'check.sh --source: builds a kernel',
    'scripts/run-tests.sh --kernel source:7.2 -o /tmp/before': PATCHES,
    'scripts/run-tests.sh --kernel source:7.2 --patch mine.patch --compare /tmp/before -o /tmp/after': READERS,
    'scripts/run-tests.sh --kernel source:7.2 --patch FILE': READERS,
    'scripts/run-tests.sh --kernel source:7.2 --patch contrib/kernel/warn.patch': PATCHES,
    'scripts/kernel-patches.py shmem-offset': PATCHES,
    'dmabuf_results --compare OLD NEW': 'meson test does',
    'git bisect start BAD GOOD': READERS,
    'git bisect run .../dmabuf-contract/scripts/bisect-run.sh --kernel . -t dmabuf_vma@vmflags-fd -- vivid-capture':
        'scripts/check-bisect.sh does, with a small history',
    'git bisect reset': READERS,
    'scripts/run-tests.sh --kernel debian:sid': WHOLE,
    'scripts/run-tests.sh --kernel debian:trixie --kernel debian:sid': WHOLE,
    'scripts/run-tests.sh --kernel debian:bookworm --kernel debian:trixie --kernel debian:sid': WHOLE,
    'scripts/fuzz.sh --seconds 600': '50 minutes, with clang',
    'scripts/run-tests.sh --kernel debian:trixie -o /tmp/new-6.12': WHOLE,
    'scripts/run-tests.sh --kernel debian:sid -o /tmp/new-7.2': WHOLE,
    'scripts/check-abi.py INCLUDE': 'check.sh does, with headers that it fetches',
    'scripts/run-tests.sh --arch arm64': ARM64,
    'scripts/run-tests.sh --arch arm64 --iommu': ARM64,
    'scripts/run-tests.sh --arch armhf --kernel debian:sid': ARM64,
    'scripts/run-tests.sh --arch riscv64': ARM64,
    'scripts/run-tests.sh --arch arm64 -t dmabuf_range@madvise': ARM64,
    'scripts/run-tests.sh --arch arm64 -t makes-buffers -o /tmp/board': ARM64,
    'cat /tmp/board/0/out.txt': ARM64,
    'runner/vm/run.sh --arch arm64 --results /tmp/lab -- dmesg': ARM64,
    'scripts/check.sh': 'what runs this',
    'scripts/check.sh --mutants': 'what runs this',
    'scripts/check.sh --source': 'what runs this',
    'scripts/check.sh --keep DIR': 'what runs this',
    'scripts/mutants --seed 1 --count 100': 'check.sh --mutants: takes long',
    'dmabuf_exercise --run-subtest walk --dynamic-subtest heap-system --seconds 3600': 'takes an hour',
    f'sudo dmabuf_runner -e DMABUF_EXERCISE_SECONDS=60 -t dmabuf_exercise@walk {INSTALLED} results':
        'takes a minute for each exporter',
    'meson test -C build': 'check.sh runs it',
    'meson test': 'the same, in a word',
    'lava-run --job-id 1 --output-dir /tmp/lava --device docs/ci/lava-lab-device.yaml docs/ci/lava-lab.yaml':
        'check.sh does, with a LAVA that it unpacks',
    'apt-get install gcc meson ninja-build pkg-config libdrm-dev liburing-dev libpcre2-dev libibverbs-dev':
        'changes the machine: setup.sh has these packages in its table',
    'sudo modprobe rdma_rxe': "the guest's init does: the modules are not this machine's",
    'modprobe vivid': "the guest's init does: the modules are not this machine's",
}

# On this machine; LAB boots the lab. The status that it must end with.
HOST = {
    'ninja -C build': 0,
    'meson setup build': 0,
    'meson setup build --werror': 0,
    'meson install -C build': 0,
    "build/tests/dmabuf_gup --describe='get-mempolicy-*'": 0,
    'cc -o build/bad-address docs/bad-address.c $(pkg-config --cflags --libs libdrm liburing libibverbs)': 0,
}
LAB = {
    'scripts/run-tests.sh': 0,
    "DMABUF_EXPORTERS='heap-*,*-dumb,!vgem-*' scripts/run-tests.sh": 0,
    "scripts/run-tests.sh -t 'dmabuf_vma@vmflags-fd@heap-' -x '@udmabuf'": 0,
    "scripts/run-tests.sh -t 'dmabuf_gup|dmabuf_vma' -x import -o /tmp/gup": 0,
    "scripts/run-tests.sh -t 'dmabuf_gup@vmsplice'": 0,
    'scripts/run-tests.sh -t get-mempolicy -o /tmp/new': 0,
    'scripts/run-tests.sh -t makes-buffers -o /tmp/found': 0,
    'cat /tmp/found/0/out.txt': 0,
    "scripts/run-tests.sh -t 'dmabuf_vma@vmflags-fd|dmabuf_gup@vmsplice-fd'": 0,
    "scripts/run-tests.sh -t 'dmabuf_variants@(last-page|mprotect-rest)-fd'": 0,
    "scripts/run-tests.sh --kernel debian:sid -t 'dmabuf_notify@kvm-(store|load)-fd'": 0,
    'scripts/run-tests.sh -t dmabuf_ro@fd-proc-mem': 0,
    'runner/vm/run.sh --results /tmp/lab -- uname -r': 0,
    'runner/vm/run.sh --root build/stage --results /tmp/one -- /usr/libexec/dmabuf-contract/dmabuf_vma'
    ' --run-subtest vmflags-fd --dynamic-subtest vivid-capture': 98,
}

# On a machine with exporters.
MACHINE = {
    'sudo scripts/run-tests.sh --host': 0,
    'sudo scripts/run-tests.sh --host --disruptive': 0,
    'sudo build/runner/dmabuf_runner build/tests results': 1,
    'dmabuf_gup --run-subtest io-uring-fixed-fd-touched --dynamic-subtest heap-system': 0,
    f'igt_runner {INSTALLED} results': 0,
    'dmabuf_results results': 1,
    'sudo build/bad-address': 0,
    'sudo build/tests/dmabuf_find --run-subtest makes-buffers': 0,
    'sudo build/tests/dmabuf_vma --dynamic-subtest foo-vram': 79,
    'sudo build/tests/dmabuf_gup --dynamic-subtest foo-vram': 79,
    f'sudo dmabuf_runner {INSTALLED} results': 1,
    f'sudo dmabuf_runner -e DMABUF_DISRUPTIVE=1 {INSTALLED} results': 1,
    f'sudo dmabuf_runner -e TMPDIR=/mnt/ext4 {INSTALLED} results': 1,
    f'sudo dmabuf_runner -e DMABUF_EXPECT="heap-system udmabuf-memfd radeon-vram" {INSTALLED} results': 1,
    f"sudo dmabuf_runner -e DMABUF_EXPORTERS='radeon-*' {INSTALLED} results": 0,
    'sudo rdma link add rxe0 type rxe netdev eth0': 0,
    'dmabuf_vma --list-subtests': 0,
    'dmabuf_vma --describe=vmflags-fd': 0,
    'dmabuf_vma --run-subtest vmflags-fd --dynamic-subtest vivid-capture': 98,
    "dmabuf_gup --run-subtest 'io-uring-*,!*-import-*' --dynamic-subtest 'heap-*'": 0,
    'dmabuf_exercise --run-subtest walk --seed 7 --steps 2000': 0,
    'igt_runner --abort-on-monitored-error=taint,lockdep --per-test-timeout 120 -e DMABUF_DISRUPTIVE=1'
    f' -e DMABUF_EXPECT="heap-system vgem-dumb" {INSTALLED} results': 0,
    # The lab's kernel has it on its command line, and then it stays so.
    'sudo sysctl kernel.printk_devkmsg=on': 1,
    f"dmabuf_runner --list-all -t 'dmabuf_gup|dmabuf_vma' {INSTALLED} >tests.txt": 0,
    f"dmabuf_runner --list-all {INSTALLED} | sed 's/^igt@//' >ci-testlist.txt": 0,
    'xmllint --noout --schema /usr/local/share/dmabuf-contract/junit.xsd results/junit.xml': 0,
    f'sudo {INSTALLED}/dmabuf_find --run-subtest makes-buffers': 0,
    'sudo dmabuf_resume results': 1,
    'dmabuf_results --html report.html results': 1,
    'dmabuf_results --html report.html results-6.12 results-7.2': 1,
}
# What goes before one of these.
BEFORE = {
    'sudo rdma link add rxe0 type rxe netdev eth0':
        'rdma link delete rxe0; ip link set dummy0 down name eth0 && ip link set eth0 up',
    'dmabuf_exercise --run-subtest walk --seed 7 --steps 2000': 'export DMABUF_EXPORTERS=heap-system',
    'sudo dmabuf_resume results': f'dmabuf_runner --dry-run {INSTALLED} results',
    'xmllint --noout --schema /usr/local/share/dmabuf-contract/junit.xsd results/junit.xml':
        f'dmabuf_runner -t vmflags {INSTALLED} results',
    'dmabuf_results --html report.html results': f'dmabuf_runner -t vmflags {INSTALLED} results',
    'dmabuf_results --html report.html results-6.12 results-7.2':
        f'dmabuf_runner -t vmflags {INSTALLED} results-6.12; cp -r results-6.12 results-7.2',
}
# It reads what the line before it left.
AFTER_ANOTHER = 'dmabuf_results results'

INLINE = re.compile(r'`((?:sudo |scripts/|runner/vm/|build/|meson |ninja |igt_\w+ |dmabuf_\w+ -|modprobe )'
                    r'[^`]* [^`]*|(?:meson|ninja|modprobe) [^`]*)`')


other_text = set()


def shown(page):
    """The command lines of a page."""
    with open(page) as f:
        lines = f.read().splitlines() + ['']
    block = []
    for i, line in enumerate(lines):
        if line.startswith('    ') and (block or i == 0 or not lines[i - 1]):
            block.append(line[4:])
        elif line or not block:
            yield from INLINE.findall(line)
        elif not next((l for l in lines[i:] if l), '').startswith('    '):
            other = [r for r in OTHER_TEXT if re.match(r, block[0])]
            other_text.update(other)
            if not other:
                text = re.sub(r' *\\\n *', ' ', textwrap.dedent('\n'.join(block)))
                yield from text.split('\n')
            block = []


# Of the suite, what has a verdict on every exporter: enough for a line that runs it whole.
SHORT = r's/^dmabuf_\w.*/dmabuf_find dmabuf_vma/'

# From WORK, the tree's place and a command.
IN_PLACE = '''
work=$0 top=$1 at=$1
shift
case $at in
/tmp/*) at=$work$at; mkdir -p "$at" ;;
esac
mount --bind "$work/tree" "$at" && mount --rbind "$work/tmp" /tmp && cd "$top" && exec "$@"'''


def in_place(work, *command):
    alone = ['unshare', '--mount'] + (['--map-root-user'] if os.geteuid() else [])
    environment = dict(os.environ, DMABUF_EXPORTERS='heap-system', DESTDIR='/tmp/installed')
    environment.pop('TMPDIR', None)
    return subprocess.run([*alone, 'sh', '-c', IN_PLACE, work, TOP, *command], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace')


failed = False


def report(good, what, log=''):
    global failed
    print('ok' if good else 'FAILED', what, flush=True)
    if not good:
        failed = True
        for line in log.splitlines()[-15:]:
            print('   ', line)


def on_host(command, status, work):
    tests = work + '/tree/build/tests/test-list.txt'
    shutil.copy(tests, tests + '.whole')
    if 'run-tests.sh' in command and ' -t ' not in command:
        subprocess.run(['sed', '-i', SHORT, tests], check=True)
    r = in_place(work, 'sh', '-c', command)
    os.replace(tests + '.whole', tests)
    report(r.returncode == status, command, f'exit status {r.returncode}, not {status}\n{r.stdout}')


def on_machine(commands, work):
    """One boot for all of them."""
    results = work + '/tmp/machine'
    os.mkdir(results)
    igt = subprocess.run(['scripts/fetch-igt.sh', results + '/igt'])
    report(igt.returncode == 0, 'igt-gpu-tools can be fetched')
    script = [
        f"sed -i '{SHORT}' {INSTALLED}/test-list.txt build/tests/test-list.txt",
        'for tool in runner results; do '
        'printf "#!/bin/sh\\nexec /mnt/igt/opt/igt/igt_$tool \\"\\$@\\"\\n" >/usr/local/bin/igt_$tool; '
        'done',
        'printf "#!/bin/sh\\nexec \\"\\$@\\"\\n" >/usr/local/bin/sudo',
        'chmod +x /usr/local/bin/*',
        'mkdir -p /mnt/ext4 && mount -o bind /var/tmp /mnt/ext4',
        f'PATH=$PATH:{INSTALLED}',
    ]
    for n, command in enumerate(commands):
        if not command.startswith(AFTER_ANOTHER):
            script.append('rm -rf results results.old')
        script.append('unset DMABUF_EXPORTERS')
        script.append(BEFORE.get(command, ':') + ' >/dev/null 2>&1')
        script.append(f'{{ {command}\n}} >/mnt/{n}.log 2>&1 </dev/null; echo $? >/mnt/{n}.status')
    with open(results + '/lines', 'w') as f:
        f.write('\n'.join(script) + '\n')
    booted = in_place(work, 'scripts/on-machine.sh', '/tmp/machine', 'sh', '-c', f'cd {TOP} && . /mnt/lines')
    report(booted.returncode == 0, 'a machine with exporters', booted.stdout)
    for n, command in enumerate(commands):
        try:
            with open(f'{results}/{n}.status') as f, open(f'{results}/{n}.log', errors='replace') as g:
                status, log = int(f.read()), g.read()
        except (OSError, ValueError):
            status, log = None, ''
        report(status == MACHINE[command], command,
               f'exit status {status}, not {MACHINE[command]}\n{log}')


def main():
    lab = '--no-lab' not in sys.argv
    args = [a for a in sys.argv[1:] if a != '--no-lab']
    if len(args) != 1 or args[0].startswith('-'):
        sys.exit(__doc__)
    os.chdir(TOP)
    found = []
    for page in ['README.md', 'CONTRIBUTING.md'] + sorted(glob.glob('docs/**/*.md', recursive=True)):
        for command in shown(page):
            if not any(command in known for known in (NOT_RUN, HOST, LAB, MACHINE)):
                report(False, f'{page} shows a line that check-docs.py does not know: {command}')
            if command not in found:
                found.append(command)
    for known in [*NOT_RUN, *HOST, *LAB, *MACHINE, *OTHER_TEXT]:
        if known not in found and known not in other_text:
            report(False, f'no page shows what check-docs.py knows: {known}')
    if failed:
        return 1

    work = os.path.abspath(args[0])
    shutil.copytree(TOP, work + '/tree', symlinks=True, ignore=lambda folder, names:
                    [n for n in names if folder == TOP and n.startswith('results')])
    os.mkdir(work + '/tmp')
    here = {**HOST, **LAB} if lab else HOST
    for command in found:
        if command in here:
            on_host(command, here[command], work)
    if lab:
        on_machine([c for c in found if c in MACHINE], work)
    return failed


sys.exit(main())
