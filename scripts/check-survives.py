#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the runner and the lab survive: check-survives.py [OPTION]... WORK

Makes each catastrophe of the table in docs/reliability.md happen, and looks at what is
kept, how it is reported and what it costs. Says "ok ROW" or "FAILED ROW" of each. The page
has the table of this script: a row is a test.

  --kills N   how often a runner is killed at a random moment (default 20)
  --seed N    of these moments (default 1)
  --flood     also the test that writes 1 GB
  --lab       also what takes the lab, for which there is to be build/stage
  --only RE   only the rows whose names match
  --write     write the table into the page, and test nothing

Root, for mounts in a namespace of its own. WORK is new or empty."""
import argparse
import ctypes
import hashlib
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
import xml.etree.ElementTree as ET

TOP = pathlib.Path(__file__).resolve().parent.parent
PAGE = TOP / 'docs/reliability.md'
BIN = None
# All that is started here has it in its environment, and so all that is left over.
MARK = f'SURVIVES={uuid.uuid4()}'
work = None
args = None


class Wrong(Exception):
    pass


def must(good, what):
    if not good:
        raise Wrong(what)


def environment():
    name, value = MARK.split('=')
    return dict(os.environ, **{name: value, 'TMPDIR': os.environ.get('TMPDIR_OF_LAB', str(work))})


def left_over():
    """The processes that are left of what was started here."""
    pids = []
    for p in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if MARK.encode() + b'\0' in (p / 'environ').read_bytes() and int(p.name) != os.getpid():
                state = re.search(r'^State:\s*(\S)', (p / 'status').read_text(), re.M)[1]
                if state != 'Z':
                    pids.append(int(p.name))
        except (OSError, TypeError):
            pass
    return pids


def must_leave_nothing(seconds=3):
    end = time.monotonic() + seconds
    while left_over() and time.monotonic() < end:
        time.sleep(0.02)
    pids = left_over()
    names = []
    for pid in pids:
        try:
            names.append(pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()[:80])
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    must(not pids, f'these are left: {names}')


def start(*command, limits=None, **kw):
    def prepare():
        for which, value in (limits or {}).items():
            resource.setrlimit(which, (value, value))
    kw.setdefault('stdout', subprocess.DEVNULL)
    kw.setdefault('stderr', subprocess.PIPE)
    return subprocess.Popen([str(c) for c in command], env=environment(), stdin=subprocess.DEVNULL,
                            preexec_fn=prepare, start_new_session=True, **kw)


def call(*command, limits=None, timeout=120, **kw):
    """Its exit status, and what it said on stderr."""
    p = start(*command, limits=limits, **kw)
    try:
        said = p.communicate(timeout=timeout)[1]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        raise Wrong(f'{command[0]} did not end within {timeout} s')
    return p.returncode, said.decode(errors='replace')


def root(*subtests):
    """A folder of tests that has these of runner/tests/bad."""
    folder = work / ('root-' + hashlib.sha1(' '.join(subtests).encode()).hexdigest()[:8])
    if not folder.exists():
        folder.mkdir()
        shutil.copy(TOP / 'runner/tests/bad', folder / 'bad')
        (folder / 'list').write_text(''.join(f'igt@bad@{s}\n' for s in subtests))
    return folder


def runner(tests, results, *options):
    return [BIN / 'dmabuf_runner', '--allow-non-root', '-l', 'quiet', '--test-list', tests / 'list', *options,
            tests, results]


def verdicts(results):
    """Of each test case of junit.xml, which must be well formed."""
    found = {}
    for case in ET.parse(results / 'junit.xml').getroot().iter('testcase'):
        bad = [e for e in case if e.tag in ('failure', 'error', 'skipped')]
        name = case.get('name')
        must(name not in found, f'{name} is there twice')
        verdict = 'pass' if not bad else bad[0].get('type', 'skip')
        if verdict == 'skip' and 'was not run' in bad[0].get('message'):
            verdict = 'notrun'
        found[name] = verdict
    return found


def must_be(results, **wanted):
    is_ = verdicts(results)
    for name, verdict in wanted.items():
        name = name.replace('_', '-')
        must(is_.get(name) == verdict, f'{name} is {is_.get(name)}, not {verdict}')
    return is_


def fresh(name):
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


# ---- what a test does

def one_test(subtest, verdict, *options, cost, reads='', also=None, memory=None):
    """Between two that pass, it has its verdict and they have theirs."""
    def row():
        results = fresh('r')
        tests = root('good', subtest, 'skips', 'fails')
        begin = time.monotonic()
        is_, said = call(*runner(tests, results, *options),
                         limits={resource.RLIMIT_AS: memory << 20} if memory else None)
        took = time.monotonic() - begin
        must(is_ == 1, f'exit status {is_}: {said}')
        got = must_be(results, good='pass', skips='skip', fails='fail')
        if verdict:
            must(got.get(subtest) == verdict, f'{subtest} is {got.get(subtest)}, not {verdict}')
        if reads:
            must(reads in (results / 'junit.xml').read_text(), f'junit.xml does not say {reads!r}')
        must((results / 'junit.xml').stat().st_size < 2 << 20, 'junit.xml is too large')
        must_leave_nothing()
        if also:
            also(results, got)
        return took
    row.cost = cost
    return row


def kept_whole(size):
    def check(results, got):
        must((results / '1/out.txt').stat().st_size > size, 'not all of its output is kept')
    return check


def not_counted(results, got):
    must(len(got) == 4, f'there are {sorted(got)}')


# ---- what happens to the runner

REFERENCE = {'good': 'pass', 'slow-1': 'pass', 'skips': 'skip', 'slow-2': 'pass', 'fails': 'fail', 'slow-3': 'pass'}


def resume_to_the_end(results, tests):
    """As a farm does that has lost a run: continued, or begun again where nothing had begun."""
    status, said = call(BIN / 'dmabuf_resume', results)
    if status == 2 and 'has no run to continue' in said:
        status, said = call(*runner(tests, results, '--overwrite'))
    elif status == 2 and 'come to its end' in said:
        status, said = call(BIN / 'dmabuf_results', results)
    must(status == 1, f'exit status {status}: {said}')
    return verdicts(results)


def must_say_why(status, said, why):
    """It ended with the status of a whole run, or with 2 and these words."""
    must(status == 1 or (status == 2 and why in said), f'exit status {status}: {said}')


def full_disk():
    tests = root(*REFERENCE)
    for kib in 8, 32, 56, 80, 104, 128, 160:
        disk = work / 'disk'
        disk.mkdir(exist_ok=True)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={kib}k', 'tmpfs', disk], check=True)
        try:
            status, said = call(*runner(tests, disk / 'r'))
            must_say_why(status, said, 'No space left on device')
            if (disk / 'r/junit.xml').exists():
                verdicts(disk / 'r')
            must(not list(disk.glob('r/*.new')), 'a file is left that is not whole')
            subprocess.run(['mount', '-o', 'remount,size=8m', disk], check=True)
            got = resume_to_the_end(disk / 'r', tests)
            must(got == REFERENCE, f'with {kib} KiB: {got}')
        finally:
            subprocess.run(['umount', disk], check=True)
    must_leave_nothing()


full_disk.cost = 0


def begin_and_wait(tests, results, job):
    p = start(*runner(tests, results))
    end = time.monotonic() + 30
    while not (results / job / 'out.txt').exists():
        must(time.monotonic() < end and p.poll() is None, 'it does not get there')
        time.sleep(0.002)
    return p


def goes_away():
    tests, results = root(*REFERENCE), fresh('r')
    p = begin_and_wait(tests, results, '1')
    shutil.rmtree(results)
    said = p.communicate(timeout=30)[1].decode()
    must(p.returncode == 2 and 'No such file' in said, f'exit status {p.returncode}: {said}')
    must_leave_nothing()


goes_away.cost = 0


def read_only():
    libc = ctypes.CDLL(None, use_errno=True)
    tests, disk = root(*REFERENCE), work / 'disk'
    disk.mkdir(exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', disk], check=True)
    try:
        p = begin_and_wait(tests, disk / 'r', '1')
        # It is refused as long as a file is open: between two tests none is.
        while libc.mount(b'tmpfs', str(disk).encode(), b'tmpfs', 1 | 32, None) and p.poll() is None:
            pass
        said = p.communicate(timeout=30)[1].decode()
        must(p.returncode == 2 and 'Read-only' in said, f'exit status {p.returncode}: {said}')
        subprocess.run(['mount', '-o', 'remount,rw', disk], check=True)
        got = resume_to_the_end(disk / 'r', tests)
        wrong = [n for n in got if got[n] != REFERENCE[n]]
        must(set(got) == set(REFERENCE) and len(wrong) <= 1 and all(got[n] == 'incomplete' for n in wrong), got)
    finally:
        subprocess.run(['umount', disk], check=True)
    must_leave_nothing()


read_only.cost = 0


def no_fds():
    tests = root(*REFERENCE)
    for n in range(4, 24, 2):
        results = fresh('r')
        status, said = call(*runner(tests, results), limits={resource.RLIMIT_NOFILE: n})
        must_say_why(status, said, 'Too many open files')
        if results.exists():
            got = resume_to_the_end(results, tests)
            must(got == REFERENCE, f'with {n}: {got}')
    must_leave_nothing()


no_fds.cost = 0


def no_processes():
    """Root has no such limit: it is nobody's run, below a folder that nobody may use."""
    tests = root(*REFERENCE)
    shared = pathlib.Path('/dev/shm') / work.name
    shutil.copytree(tests, shared / 'root')
    shutil.copytree(BIN, shared / 'bin')
    os.chmod(shared, 0o777)
    nobody = ['setpriv', '--reuid', '61234', '--clear-groups']
    try:
        for n in 1, 2:
            command = runner(shared / 'root', shared / f'r{n}')
            command[0] = shared / 'bin/dmabuf_runner'
            status, said = call(*nobody, 'prlimit', f'--nproc={n}', *command)
            must_say_why(status, said, 'Resource temporarily unavailable')
            must(status == 2, f'with {n} processes it ended with {status}')
            got = resume_to_the_end(shared / f'r{n}', tests)
            must(got == REFERENCE, f'with {n}: {got}')
    finally:
        shutil.rmtree(shared)
    must_leave_nothing()


no_processes.cost = 0


def no_memory():
    """Of a run whose tests printed much, reports with less and less memory."""
    tests, results = root('good', 'long-line', 'fails'), fresh('r')
    call(*runner(tests, results))
    right, ended = (results / 'junit.xml').read_bytes(), 0
    out_of_memory = 0
    for mib in 4, 6, 8, 10, 12, 16, 24, 48, 256:
        status, said = call(BIN / 'dmabuf_results', results, limits={resource.RLIMIT_AS: mib << 20})
        must(status in (1, 2, 127), f'with {mib} MiB: exit status {status}: {said}')
        must(status in (1, 127) or 'out of memory' in said, f'with {mib} MiB: {said}')
        out_of_memory += status == 2
        must((results / 'junit.xml').read_bytes() == right, f'with {mib} MiB junit.xml is another')
        must(not list(results.glob('*.new')), 'a file is left that is not whole')
        ended += status == 1
    must(ended and out_of_memory, 'not all was tried')


no_memory.cost = 0


def finished_jobs(results):
    """What there is of the jobs that have come to their ends."""
    jobs = {}
    for journal in results.glob('[0-9]*/journal.txt'):
        if re.search(r'^(exit|timeout):', journal.read_text(), re.M):
            jobs[journal.parent.name] = {f.name: f.read_bytes() for f in journal.parent.iterdir() if f.is_file()}
    return jobs


def killed(times, resume):
    """Kills runs at random moments and resumes them; returns how often."""
    draw = random.Random(args.seed)
    tests = root(*REFERENCE)
    begin = time.monotonic()
    call(*runner(tests, fresh('r')))
    whole = time.monotonic() - begin
    done, runs = 0, 0
    while done < times:
        results, died, runs = fresh('r'), 0, runs + 1
        watching = True
        torn = []

        def watch():
            while watching:
                try:
                    ET.parse(results / 'junit.xml')
                except FileNotFoundError:
                    pass
                except ET.ParseError as error:
                    torn.append(error)
                time.sleep(0.003)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            command = runner(tests, results)
            finished = {}
            while True:
                # Early and late ones too: while it prepares, and while it reports.
                p = start(*command)
                try:
                    p.wait(draw.uniform(0, 1.1 * whole))
                except subprocess.TimeoutExpired:
                    p.kill()
                said = p.communicate()[1].decode()
                if p.returncode >= 0:
                    break
                done += 1
                must_leave_nothing()
                for job, files in finished.items():
                    must(finished_jobs(results).get(job) == files, f'job {job} has changed')
                finished = finished_jobs(results)
                begun = (results / 'joblist.txt').exists()
                died += bool(list(results.glob('[0-9]*'))) if results.exists() else 0
                command = [resume, results] if begun else runner(tests, results, '--overwrite')
                if begun and (results / 'endtime.txt').exists():
                    command = [BIN / 'dmabuf_results', results]
            if (results / 'junit.xml').exists() and resume == BIN / 'dmabuf_resume':
                must(p.returncode == 1, f'exit status {p.returncode}: {said}')
            else:
                call(BIN / 'dmabuf_results', results)
            got = verdicts(results)
            must(set(got) == set(REFERENCE), f'there are verdicts of {sorted(got)}')
            wrong = [n for n in got if got[n] != REFERENCE[n]]
            must(all(got[n] == 'incomplete' for n in wrong), got)
            must(len(wrong) <= died, f'{wrong} are incomplete, and it died {died} times')
        finally:
            watching = False
            watcher.join()
        must(not torn, f'junit.xml was not well formed: {torn}')
    must_leave_nothing()


def killed_and_resumed():
    killed(args.kills, BIN / 'dmabuf_resume')


killed_and_resumed.cost = 0


def killed_and_igt_resumed():
    tree = work / 'igt'
    if not tree.exists():
        status, said = call(TOP / 'scripts/fetch-igt.sh', tree, timeout=600)
        must(not status, f'igt-gpu-tools cannot be fetched: {said}')
    killed(max(args.kills // 4, 3), tree / 'opt/igt/igt_resume')


killed_and_igt_resumed.cost = 0


def killed_with_children():
    """SIGKILL of the runner while a test's children hide in sessions of their own."""
    results = fresh('r')
    tests = root('leaves-daemon', 'hangs', 'good')
    (tests / 'bad').write_text((TOP / 'runner/tests/bad').read_text().replace(
        'hangs) ', 'hangs) setsid sh -c "setsid sleep 1000 & exec sleep 1000" & sleep 1000 & '))
    p = begin_and_wait(tests, results, '1')
    while len(left_over()) < 5:
        time.sleep(0.01)
    p.kill()
    p.communicate()
    must_leave_nothing(2)


killed_with_children.cost = 0


def interrupted():
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        results = fresh('r')
        p = begin_and_wait(root('good', 'leaves-daemon', 'hangs', 'fails'), results, '2')
        p.send_signal(number)
        said = p.communicate(timeout=30)[1].decode()
        must(p.returncode == 2 and 'interrupted' in said, f'exit status {p.returncode}: {said}')
        must(not left_over(), 'a process is left')
        must(not (results / '2').exists(), 'the test that was interrupted counts as begun')
        must_be(results, good='pass', leaves_daemon='pass', hangs='notrun', fails='notrun')


interrupted.cost = 0


def two_runs():
    results = fresh('r')
    tests = root('good', 'slow-1', 'slow-2', 'slow-3', 'fails')
    p = begin_and_wait(tests, results, '1')
    for command in runner(tests, results, '--overwrite'), [BIN / 'dmabuf_resume', results]:
        status, said = call(*command)
        must(p.poll() is None, 'the first one was too fast')
        must(status == 2 and 'in use' in said, f'exit status {status}: {said}')
    p.communicate()
    must(p.returncode == 1, f'the first one ended with {p.returncode}')
    must_be(results, good='pass', slow_3='pass', fails='fail')


two_runs.cost = 0


def mutated():
    """One whose like of half a megabyte once took more than 5 GB and ten minutes."""
    results = fresh('r')
    (results / '0').mkdir(parents=True)
    parts = range(1000)
    text = 'Starting subtest: a\n' + ''.join(f'Starting dynamic subtest: {i}\nClause: C{i}\n' for i in parts) + \
        ''.join(f'Dynamic subtest {i}: FAIL (1.0s)\n' for i in parts)
    for name, content in (
            ('metadata.txt', 'name : x\ntest_root : /nothing\n'), ('joblist.txt', 'fake a\n'), ('0/out.txt', text),
            ('0/err.txt', text), ('0/journal.txt', 'a\nexit:98 (1.0s)\n'),
            ('0/dmesg.txt', ''.join(f'6,{i},{i},-;line {i}\n' for i in parts))):
        (results / name).write_text(content)
    status, said = call(BIN / 'dmabuf_results', results, limits={resource.RLIMIT_AS: 256 << 20})
    must(status == 2, f'exit status {status}: {said}')
    must(len(verdicts(results)) == 1000, 'not all results are there')


mutated.cost = 0


# ---- what happens to the kernel and the lab

LAB_TESTS = ['good', 'fails', 'warns', 'oopses', 'stuck', 'panics', 'deadlocks', 'reboots']
RUN_TESTS = TOP / 'scripts/run-tests.sh'


def in_place_of_a_test(*command):
    """With runner/tests/bad where dmabuf_find was built, in the mounts of this command."""
    # What is older than its sources would be linked anew, into what is mounted on it.
    status, said = call(RUN_TESTS, '--build-only', timeout=600)
    must(not status, said)
    bad = work / 'bad'
    shutil.copyfile(TOP / 'runner/tests/bad', bad)
    bad.chmod(0o755)
    return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"',
            bad, TOP / 'build/tests/dmabuf_find', *command]


def lab_run(results, *subtests):
    return in_place_of_a_test(RUN_TESTS, '--no-expectations', '--module', TOP / 'runner/tests/kmod',
                              '-t', f'dmabuf_find@({"|".join(subtests)})$', '-o', results)


whole_run = {}


def kernel_test(subtest, verdict, boots=0, reads=None):
    """Of one run of the lab, in which all of it happens."""
    def row():
        if not whole_run:
            results = fresh('lab')
            whole_run['status'], whole_run['said'] = call(*lab_run(results, *LAB_TESTS), timeout=3000)
            whole_run['verdicts'] = verdicts(results) if (results / 'junit.xml').exists() else {}
            whole_run['files'] = {f.parent.name: f.read_text(errors='replace') for f in results.glob('*/dmesg.txt')}
            whole_run['list'] = (results / 'joblist.txt').read_text().split('\n')
        got, said = whole_run['verdicts'], whole_run['said']
        must(whole_run['status'] == 1, f'exit status {whole_run["status"]}: {said}')
        must(set(got) == set(LAB_TESTS) and got['good'] == 'pass' and got['fails'] == 'fail', got)
        must(got[subtest] == verdict, f'{subtest} is {got[subtest]}, not {verdict}')
        number = whole_run['list'].index(f'dmabuf_find {subtest}')
        again = f'go on behind subtest {number + 1}\n'
        must(said.count(again) == boots, f'it was not booted {boots} times for it: {said}')
        if reads:
            must(reads in whole_run['files'][str(number)], f'dmesg.txt does not say {reads!r}')
    return row


def booted(results):
    p = start(*lab_run(results, 'good', 'hangs'), stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not list(results.glob('1/out.txt')):
        must(time.monotonic() < end and p.poll() is None, 'the lab does not boot')
        time.sleep(0.1)
    return p


def must_leave_no_file(where):
    end = time.monotonic() + 5
    while list(where.iterdir()) and time.monotonic() < end:
        time.sleep(0.1)
    must(not list(where.iterdir()), f'there is still {[f.name for f in where.iterdir()]}')


def lab_ended_by(*signals):
    def row():
        for number in signals:
            results, tmp = fresh('lab'), fresh('tmp')
            tmp.mkdir()
            os.environ['TMPDIR_OF_LAB'] = str(tmp)
            p = booted(results)
            os.kill(p.pid, number)
            status = p.wait(60)
            del os.environ['TMPDIR_OF_LAB']
            must(status == (-9 if number == signal.SIGKILL else 2), f'exit status {status}')
            must_leave_nothing(10)
            must_leave_no_file(tmp)
            if number != signal.SIGKILL:
                must_be(results, good='pass', hangs='incomplete')
            else:
                call(BIN / 'dmabuf_results', results)
                must_be(results, good='pass', hangs='incomplete')
    return row


def no_space():
    disk = work / 'disk'
    disk.mkdir(exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], check=True)
    os.environ['TMPDIR_OF_LAB'] = str(disk)
    try:
        status, said = call(RUN_TESTS, '-o', fresh('lab'))
        must(status == 2 and 'No space left' in said, f'exit status {status}: {said}')
        must_leave_no_file(disk)
    finally:
        del os.environ['TMPDIR_OF_LAB']
        subprocess.run(['umount', disk], check=True)
    must_leave_nothing()


def no_tmp():
    os.environ['TMPDIR_OF_LAB'] = '/nothing'
    try:
        for command in [RUN_TESTS], [TOP / 'runner/vm/run.sh', '--results', fresh('lab'), '--', 'true']:
            status, said = call(*command)
            must(status == 2 and '/nothing' in said, f'exit status {status}: {said}')
    finally:
        del os.environ['TMPDIR_OF_LAB']
    must_leave_nothing()


def no_home():
    status, said = call('env', '-i', f'PATH={os.environ["PATH"]}', MARK, TOP / 'runner/vm/kernel.sh', 'debian:trixie')
    must(not status, f'exit status {status}: {said}')
    must_leave_nothing()


def no_network():
    cache = pathlib.Path(os.environ.get('DMABUF_CACHE') or
                         pathlib.Path(os.environ.get('XDG_CACHE_HOME') or '/root/.cache') / 'dmabuf-contract')
    ours = fresh('cache')
    (ours / 'kernels').mkdir(parents=True)
    kernel = ['unshare', '--net', 'env', f'DMABUF_CACHE={ours}', TOP / 'runner/vm/kernel.sh', 'debian:trixie']
    status, said = call(*kernel)
    must(status == 2 and 'cannot be reached' in said, f'without a cache: exit status {status}: {said}')
    for f in (cache / 'kernels').iterdir():
        if f.is_dir():
            (ours / 'kernels' / f.name).symlink_to(f)
    answer = ours / 'kernels/debian:trixie'
    answer.write_text((cache / 'kernels/debian:trixie').read_text())
    os.utime(answer, (time.time() - 3 * 86400,) * 2)
    status, said = call(*kernel)
    must(not status and 'going on with the trixie kernel' in said, f'exit status {status}: {said}')
    must_leave_nothing()


# apt-get, whose archive has a kernel that never comes.
APT = """#!/bin/sh
case $* in
*print-uris*) echo "'http://none/a.deb' linux-image-0.0-amd64_1_amd64.deb 1 SHA256:0" ;;
*download*) touch "$APT_DOWNLOADS"; sleep 1000 ;;
esac
"""


def killed_in_a_download():
    ours, tools, tmp = fresh('cache'), fresh('tools'), fresh('tmp')
    begun, kernels = work / 'begun', ours / 'kernels'
    tools.mkdir()
    tmp.mkdir()
    (tools / 'apt-get').write_text(APT)
    (tools / 'apt-get').chmod(0o755)
    settings = ['env', f'DMABUF_CACHE={ours}', 'DMABUF_MIRROR=http://none', f'APT_DOWNLOADS={begun}', f'TMPDIR={tmp}',
                f'PATH={tools}:{os.environ["PATH"]}']
    lab = [TOP / 'runner/vm/run.sh', '--results', work / 'lab', '--', 'true']
    alone = [TOP / 'runner/vm/kernel.sh', 'debian:trixie']
    for command, number, end, stays in [(lab, signal.SIGTERM, os.killpg, 0), (lab, signal.SIGKILL, os.kill, 0),
                                        (alone, signal.SIGKILL, os.killpg, 1), (alone, signal.SIGTERM, os.killpg, 0)]:
        begun.unlink(missing_ok=True)
        p = start(*settings, *command)
        until = time.monotonic() + 60
        while not begun.exists():
            must(time.monotonic() < until and p.poll() is None, 'it does not come to the download')
            time.sleep(0.05)
        folders = list(kernels.glob('tmp.*'))
        must(len(folders) == 1, f'{len(folders)} folders while {command[0].name} downloads: {folders}')
        end(p.pid, number)
        p.communicate(timeout=60)
        must_leave_nothing(10)
        must_leave_no_file(tmp)
        folders = list(kernels.glob('tmp.*'))
        must(len(folders) == stays, f'{command[0].name} and {number.name} leave {folders}')


# What happens; how it is made to happen; what is kept; how it is reported; what it costs.
# The cost of a test's row is checked: so many seconds, and what the tests beside it take.
TESTS = [
    ('a test segfaults', 'a subtest kills itself by SIGSEGV',
     'all that it printed', '`incomplete`', 'nothing',
     one_test('segfaults', 'incomplete', cost=0)),
    ('a test aborts', 'SIGABRT', 'the same', '`incomplete`', 'nothing',
     one_test('aborts', 'incomplete', cost=0)),
    ('a test hangs', 'it sleeps for 1000 s; `--per-test-timeout 2`', 'the same', '`timeout`', 'the limit',
     one_test('hangs', 'timeout', '--per-test-timeout', '2', cost=2)),
    ('a test ignores SIGTERM', 'it is ended by `--per-test-timeout 2`, and is not', 'the same', '`timeout`',
     'the limit and 3 s', one_test('ignores-term', 'timeout', '--per-test-timeout', '2', cost=5)),
    ('a test leaves children that hold its output', 'two of them sleep for 1000 s', 'its verdict',
     'its verdict; the children are killed', 'nothing', one_test('leaves-children', 'pass', cost=0)),
    ('a test leaves a daemon', 'in a session of its own, whose parent has ended, and it writes for ever',
     'its verdict, and what the daemon wrote', 'its verdict; the daemon is killed', 'nothing',
     one_test('leaves-daemon', 'pass', cost=0)),
    ('a test closes stdout', 'and stderr, and goes on for 0.2 s', 'its verdict', 'its verdict', 'nothing',
     one_test('closes-stdout', 'pass', cost=0)),
    ('a test kills its process group', '`kill -KILL 0`', 'all that it printed', '`incomplete`', 'nothing',
     one_test('kills-group', 'incomplete', cost=0)),
    ('a test prints what is no text', 'invalid UTF-8, NUL, control characters, `]]>`', 'each byte',
     '`\\xNN` for each byte that XML may not have', 'nothing',
     one_test('bytes', 'fail', cost=0,
              reads='\\x01\\x1b[1m\\x08&lt;&amp;&gt;&quot;]]&gt;\\xff\\xc3(\\xed\\xa0\\x80\\xef\\xbf\\xbf?.')),
    ('a test prints a line of 10 MB', 'without an end', 'all of it', 'its verdict, and the last 64 KiB', 'nothing',
     one_test('long-line', 'pass', cost=0, also=kept_whole(10000000))),
    ('a test prints 1 GB', 'in lines, as fast as it can',
     'all of it, if no `--disk-usage-limit` is given', 'its verdict, and the last 64 KiB',
     'the time to write it; 128 MiB at most',
     one_test('floods', 'pass', cost=100, memory=128, also=kept_whole(1000000000))),
    ('a test claims results of other subtests', 'it prints three that are others\'', 'all that it printed',
     'the others\' own verdicts; what is claimed does not count', 'nothing',
     one_test('claims', 'pass', cost=0, also=not_counted)),
]
RUNNER = [
    ('the disk is full', 'a tmpfs of 8 to 160 KiB',
     'all tests that had ended; `dmabuf_resume` runs the others', 'status 2, "No space left on device"',
     'the test that could not be written down', full_disk),
    ('the results directory goes away', 'it is deleted while a test runs', 'nothing',
     'status 2, "No such file or directory"', 'the run', goes_away),
    ('the results directory turns read-only', 'by a remount between two tests',
     'all tests that had ended; `dmabuf_resume` runs the others', 'status 2, "Read-only file system"',
     'the test that began then, which may be `incomplete`', read_only),
    ('there are no file descriptors', 'RLIMIT_NOFILE of 4 to 22', 'the same', 'status 2, "Too many open files"',
     'nothing', no_fds),
    ('there are no processes', 'RLIMIT_NPROC of 1 and 2', 'the same', 'status 2, "Resource temporarily unavailable"',
     'nothing', no_processes),
    ('there is no memory for the report', 'RLIMIT_AS of 4 to 256 MiB, after tests that print much',
     'the report that there was, whole; `dmabuf_results` makes it again', 'status 2, "out of memory"', 'nothing',
     no_memory),
    ('the runner is killed', 'SIGKILL at random moments, and `dmabuf_resume` after each',
     'all tests that had ended, byte by byte; `junit.xml` is well formed at every moment',
     'the test that was running is `incomplete`', 'that test', killed_and_resumed),
    ('the same, under igt_resume', 'igt_resume of igt-gpu-tools 2.5 instead', 'the same', 'the same', 'the same',
     killed_and_igt_resumed),
    ('the runner is killed while tests have daemons', 'SIGKILL; some of them in sessions of their own',
     'the same', 'the same; all that descends from the tests is killed within 1 s', 'nothing', killed_with_children),
    ('the run is interrupted', 'SIGINT, SIGTERM, SIGHUP', 'all tests that had ended',
     'status 2, "interrupted"; the test that was running will run again; no process is left', 'that test',
     interrupted),
    ('two runs use one directory', 'a second runner, and `dmabuf_resume`', 'the first run',
     'status 2, "is in use by another runner"', 'nothing', two_runs),
    ('results are damaged', 'parts without number that begin in a row; and what `scripts/fuzz.sh` finds',
     'the damaged results', 'verdicts of what is there', '256 MiB at most', mutated),
]
LAB = [
    ('the kernel warns', 'a module, `runner/tests/kmod`', 'what it said', '`dmesg-warn`', 'nothing',
     kernel_test('warns', 'dmesg-warn', reads='as it was asked for')),
    ('the kernel oopses', 'the same, in the test\'s own process', 'the oops, in `dmesg.txt`', '`incomplete`',
     'nothing', kernel_test('oopses', 'incomplete', reads='kernel BUG at')),
    ('a test hangs in the kernel', 'the same: in state D, where no signal comes through', 'all that it printed',
     '`timeout`, "it is stuck in the kernel"', 'the limit and 6 s', kernel_test('stuck', 'timeout')),
    ('the kernel panics', 'the same', 'all that was said, the console in `console.txt`', '`incomplete`', 'one boot',
     kernel_test('panics', 'incomplete', boots=1)),
    ('the kernel deadlocks', 'the same: with interrupts off', 'the same', '`incomplete`', 'one boot and 150 s',
     kernel_test('deadlocks', 'incomplete', boots=1)),
    ('the machine reboots', '`sysrq-trigger`', 'the same', '`incomplete`', 'one boot',
     kernel_test('reboots', 'incomplete', boots=1)),
    ('the lab is interrupted', 'SIGINT and SIGTERM for `scripts/run-tests.sh`', 'all tests that had ended',
     'status 2, and the report; no process and no file is left', 'that test',
     lab_ended_by(signal.SIGINT, signal.SIGTERM)),
    ('the lab is killed', 'SIGKILL for `scripts/run-tests.sh`', 'all tests that had ended',
     'by `dmabuf_results`; no process and no file is left', 'that test', lab_ended_by(signal.SIGKILL)),
    ('the lab is killed in a download', 'SIGTERM and SIGKILL, with an archive that never answers',
     'kernels in the cache', 'no process and no file is left; what `kernel.sh` by itself leaves at a SIGKILL goes with '
     'the next download', 'the download', killed_in_a_download),
    ('there is no space for the lab', 'TMPDIR in a tmpfs of 4 MiB', 'nothing', 'status 2, "No space left on device"',
     'nothing', no_space),
    ('there is no /tmp', 'a TMPDIR that is not there', 'nothing', 'status 2', 'nothing', no_tmp),
    ('there is no network', '`unshare --net`', 'kernels in the cache', 'it goes on with the kernel that it has; '
     'without one: status 2, "the archive cannot be reached"', 'nothing', no_network),
    ('there is no HOME', 'an empty environment', 'kernels in the cache', 'nothing: the cache is found by the user\'s id',
     'nothing', no_home),
]


def table():
    lines = []
    for title, rows in ('A test', TESTS), ('The runner', RUNNER), ('The kernel and the lab', LAB):
        if not rows:
            continue
        lines += [f'### {title}', '', '| what happens | how it is made to happen | what is kept | how it is '
                  'reported | what it costs |', '| --- | --- | --- | --- | --- |']
        lines += ['| ' + ' | '.join(row[:5]) + ' |' for row in rows] + ['']
    return '\n'.join(lines)


def page():
    """With the table that is in it, and with that of this script."""
    text = PAGE.read_text()
    begin, end = text.index('### A test'), text.index('\n## How') + 1
    return text, text[:begin] + table() + '\n' + text[end:]


def main():
    global work, args, BIN
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--flood', action='store_true')
    parser.add_argument('--lab', action='store_true')
    parser.add_argument('--only', default='')
    parser.add_argument('--write', action='store_true')
    parser.add_argument('work', nargs='?')
    args = parser.parse_args()
    old, new = page()
    if args.write:
        PAGE.write_text(new)
        return 0
    if not args.work:
        parser.error('WORK is needed')
    if 'SURVIVES_ALONE' not in os.environ:
        os.environ['SURVIVES_ALONE'] = '1'
        os.execvp('unshare', ['unshare', '--mount', sys.executable] + sys.argv)
    work = pathlib.Path(args.work).absolute()
    work.mkdir(parents=True, exist_ok=True)
    # The lab may build them anew meanwhile.
    BIN = work / 'bin'
    BIN.mkdir()
    for name in 'runner', 'resume', 'results':
        shutil.copy(TOP / f'build/runner/dmabuf_{name}', BIN)
    failed = old != new
    print('FAILED' if failed else 'ok', 'docs/reliability.md has the table of check-survives.py')
    for row in TESTS + RUNNER + (LAB if args.lab else []):
        if not re.search(args.only, row[0]) or (row[0] == 'a test prints 1 GB' and not args.flood):
            continue
        begin = time.monotonic()
        try:
            took = row[5]()
            cost = getattr(row[5], 'cost', 0)
            # So much for three tests beside it and the report, on a machine that is busy.
            must(took is None or took < cost + 6, f'it took {took} s, where {cost} s are said')
            print(f'ok {row[0]} ({time.monotonic() - begin:.1f} s)', flush=True)
        except (Wrong, OSError, subprocess.SubprocessError, ET.ParseError) as error:
            failed = True
            print(f'FAILED {row[0]}: {error}', flush=True)
            must_leave_what_is_needed()
    return failed


def must_leave_what_is_needed():
    """After a row that failed: the next one is not to suffer from it."""
    for pid in left_over():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    subprocess.run(['umount', '-l', str(work / 'disk')], stderr=subprocess.DEVNULL)


sys.exit(main())
