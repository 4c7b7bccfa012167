#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares lib/drm_abi.h with the kernel's own headers: check-abi.py INCLUDE

INCLUDE is usr/include of Debian's newest linux-libc-dev, unpacked. Every number, every
size and every field's place must be the same, on 64 and on 32 bits; and every header of a
driver there must have its part in lib/drm_abi.h, or stand below with the reason why not.
Prints what is different. Exit status 1 if anything is."""
import glob
import os
import re
import shutil
import subprocess
import sys

# Headers of which nothing is wanted, and why.
WITHOUT = {
    'drm/drm.h': 'of no driver',
    'drm/drm_fourcc.h': 'of no driver',
    'drm/drm_mode.h': 'of no driver: dumb buffers',
    'drm/drm_ras.h': 'of no driver',
    'drm/drm_sarea.h': 'of no driver',
    'drm/habanalabs_accel.h': 'exports memory of the device that no CPU can map',
    'drm/nova_drm.h': 'has no ioctl for an offset, and its objects no mmap',
    'drm/vgem_drm.h': 'makes no buffers but dumb ones',
}

# Compilers, and the folder of asm/ that is theirs. Fields of 64 bits need no alignment on
# i386, so that a hole that is not said is seen there; on arm they do.
TARGETS = (
    ('64 bits', ['gcc', '-m64'], 'x86_64-linux-gnu'),
    ('32 bits', ['gcc', '-m32'], 'i386-linux-gnu'),
    ('32-bit arm', ['clang', '--target=arm-linux-gnueabihf'], 'arm-linux-gnueabihf'),
)

if len(sys.argv) != 2:
    sys.exit(__doc__)
include = sys.argv[1]
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ours = open(f'{top}/lib/drm_abi.h').read()
wrong = []

# A part begins with the name of its header: {header: text}.
parts = dict(re.findall(r'^/\* (drm/\w+\.h) \*/\n(.*?)(?=^/\* drm/|^#endif)', ours, re.M | re.S))
theirs = {os.path.relpath(path, include) for path in glob.glob(f'{include}/drm/*.h')}
if not theirs:
    sys.exit(f'check-abi.py: there are no headers of DRM in {include}')
for header in sorted(theirs - set(parts) - set(WITHOUT)):
    wrong.append(f'{header} is of a driver that is not in lib/drm_abi.h')
for header in sorted(set(parts) & set(WITHOUT) | (set(parts) | set(WITHOUT)) - theirs):
    wrong.append(f'{header} is not to be there any more')

# What is here is used, and nothing else is.
code = {path: open(path).read() for path in glob.glob(f'{top}/lib/**/*.[ch]', recursive=True) +
        glob.glob(f'{top}/tests/*.c') if not path.endswith('/drm_abi.h')}
for path, text in sorted(code.items()):
    for name in re.findall(r'#include [<"]((?:drm/)?(?!xf86)\w+_(?:drm|accel)\.h)[>"]', text):
        wrong.append(f'{os.path.relpath(path, top)} includes {name} instead of drm_abi.h')
everything = '\n'.join(code.values())
for name in re.findall(r'^#define (\w+)', ours, re.M):
    if name != 'DRM_ABI_H' and not re.search(rf'\b{re.sub("^DRM_IOCTL_", "", name)}\b|\b{name}\b',
                                             everything):
        wrong.append(f'{name} is not used')


def fields(body):
    """The fields of a struct with those of anonymous ones in it, and the named ones alone."""
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.S)
    body = re.sub(r'(?:struct|union) \{([^{}]*)\};', r'\1', body)
    body = re.sub(r'(?:struct|union) \{[^{}]*\} (\w+);', r'int \1;', body)
    for declaration in filter(None, (d.strip() for d in body.split(';'))):
        for name in re.sub(r'^(?:struct |union )?\w+ ', '', declaration).split(','):
            yield re.sub(r'\[.*\]', '', name.strip())


def asserts(header, text):
    """C that is right if the text says what the header says; its own names begin with our."""
    tags = re.findall(r'^((?:struct|union) \w+) \{\n(.*?)^\};', text, re.M | re.S)
    macros = re.findall(r'^#define (\w+)', text, re.M)
    copy = re.sub(r'\b(struct|union) (\w+)', r'\1 our_\2', text)
    for macro in macros:
        copy = re.sub(rf'\b{macro}\b', f'our_{macro}', copy)
    yield f'#include <{header}>\n{copy}'

    def same(what, form, name):
        mine = form.format(re.sub(r'(struct|union) ', r'\1 our_', name) if ' ' in name
                           else f'our_{name}')
        return f'_Static_assert({mine} == {form.format(name)}, "{header}: {what}");'

    for tag, body in tags:
        yield same(f'the size of {tag}', 'sizeof({})', tag)
        for field in fields(body):
            yield same(f'the place of {field} in {tag}',
                       '__builtin_offsetof({}, ' + field + ')', tag)
            yield same(f'the size of {field} in {tag}', 'sizeof((({} *)0)->' + field + ')', tag)
    for macro in macros:
        yield same(f'the value of {macro}', '({})', macro)


program = '#include <stdint.h>\n#include <drm/drm.h>\n'
for header in sorted(set(parts) & theirs):
    program += '\n'.join(asserts(header, parts[header])) + '\n'
compiled = 0
for what, command, asm in TARGETS:
    if not shutil.which(command[0]):
        continue
    compiled += 1
    builtin = subprocess.run(command[:1] + ['-print-file-name=include'], capture_output=True,
                             text=True, check=True).stdout.strip()
    run = subprocess.run(
        command + ['-std=gnu11', '-ffreestanding', '-fsyntax-only', '-fmax-errors=0' if
                   command[0] == 'gcc' else '-ferror-limit=0', '-nostdinc', '-isystem', builtin,
                   '-isystem', include, '-isystem', f'{include}/{asm}', '-isystem',
                   f'{include}/drm', '-x', 'c', '-'],
        input=program, capture_output=True, text=True)
    said = [re.sub(r'.* "(.*)"$', r'\1', line) for line in re.findall(r'error: (.*)', run.stderr)]
    wrong += [f'{what}: {line}' for line in said or ([run.stderr] if run.returncode else [])]

for line in wrong:
    print(line)
print(f'{len(parts)} headers, {program.count("_Static_assert")} facts, {compiled} machines, '
      f'{len(wrong)} differences')
sys.exit(1 if wrong or not compiled else 0)
