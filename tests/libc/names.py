#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The names that the library exports, beside those that libc has and that its headers lead programs to.

A function that we replace may have more names than one: for files larger than 2 GB, for times of 64 bits on 32, and the
checked one (_FORTIFY_SOURCE). A program that was compiled for one of these has to be reached as well, so whatever is such
a name of one of ours has to be ours. TAP; nothing is run but the compiler and nm, so that it goes for every machine that
there is a compiler for. From the environment: SNDTIMEO_TEST_SYMBOLS (the list of what is exported), SNDTIMEO_TEST_LIBRARY,
SNDTIMEO_TEST_SRCDIR, SNDTIMEO_TEST_INSTRUMENTED, CC, NM.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

COMPILER = shlex.split(os.environ.get('CC') or 'cc')
NM = shlex.split(os.environ.get('NM') or 'nm')
LIBRARY = os.environ['SNDTIMEO_TEST_LIBRARY']
SOURCES = pathlib.Path(os.environ['SNDTIMEO_TEST_SRCDIR'])
LISTED = set(pathlib.Path(os.environ['SNDTIMEO_TEST_SYMBOLS']).read_text().split())

HEADERS = ('dirent fcntl poll pthread stdio stdlib sys/epoll sys/ioctl sys/prctl sys/select sys/sendfile sys/socket sys/syscall '
           'sys/uio unistd').split()
LARGE = ['-D_FILE_OFFSET_BITS=64']
WAYS = [fortified + sizes for fortified in ([], ['-O2', '-D_FORTIFY_SOURCE=2'])
        for sizes in ([], LARGE, [*LARGE, '-D_TIME_BITS=64'])]
# What stands before and after the name of one of ours.
OTHER_NAMES = re.compile(r'_{0,2}(\w+?)(?:64)?(?:_time64)?(?:v2)?(?:_chk)?')


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def symbols(path, kind):
    """(name, type) of each dynamic symbol, without its version."""
    lines = run(*NM, '-D', f'--{kind}-only', path).splitlines()
    return {(fields[-1].partition('@')[0], fields[-2]) for fields in map(str.split, lines)}


def redirected(flags):
    """(name, name that is called instead) of each function that the headers declare so, under these flags."""
    source = ''.join(f'#include <{header}.h>\n' for header in HEADERS)
    options = [f'-U{name}' for name in ('_FORTIFY_SOURCE', '_FILE_OFFSET_BITS', '_TIME_BITS')]
    text = run(*COMPILER, '-D_GNU_SOURCE', *options, *flags, '-E', '-P', '-x', 'c', '-', input=source)
    for declaration in text.split(';'):
        found = re.search(r'(\w+)\s*\([^{}]*__asm__\s*\(\s*""\s*"(\w+)"', declaration)
        if found:
            yield found.groups()


def not_followed():
    """Names that headers lead to, where we have the one they lead away from."""
    return [f'{name}() is {other}() with {" ".join(flags)}, which is not exported'
            for flags in WAYS for name, other in redirected(flags) if name in LISTED and other not in LISTED]


def not_replaced():
    """Names that libc exports, and that are another one of a function that we replace."""
    libc = run(*COMPILER, '-print-file-name=libc.so.6').strip()
    wrong = []
    for name in sorted({name for name, _ in symbols(libc, 'defined')} - LISTED):
        plain = OTHER_NAMES.fullmatch(name)[1] if OTHER_NAMES.fullmatch(name) else name
        # Aliases with two underscores and nothing else are what libc calls itself.
        if plain in LISTED and name.lstrip('_') != plain:
            wrong.append(f'libc has {name}(), which is not exported as {plain}() is')
    return wrong


def not_as_listed():
    exported = {name for name, _ in symbols(LIBRARY, 'defined')}
    return [f'{name} is exported, and not listed' for name in sorted(exported - LISTED)] + \
           [f'{name} is listed, and not exported' for name in sorted(LISTED - exported)]


def not_optional():
    header = (SOURCES / 'src/base/optional.h').read_text()
    optional = set(re.findall(r'\w+', ' '.join(re.findall(r'\.weak ([\w, ]+)', header))))
    return [f'src/base/optional.h lacks {name}' if name not in optional else f'{name} is wanted whether there is one or not'
            for name, kind in sorted(symbols(LIBRARY, 'undefined')) if name not in optional or kind not in 'vw']


def main():
    instrumented = os.environ.get('SNDTIMEO_TEST_INSTRUMENTED') == 'yes'
    tests = [
        ('what is exported is what is listed', '', not_as_listed),
        ('what is taken from a libc is what is listed, and need not be there',
         'the instruments take what they need' if instrumented else '', not_optional),
        ('where headers lead to another name, that is exported, too', '', not_followed),
        ('where libc has another name for it, that is exported, too', '', not_replaced),
    ]
    failures = 0
    print(f'1..{len(tests)}')
    for number, (name, skip, check) in enumerate(tests, 1):
        wrong = [] if skip else check()
        print(f'{"not ok" if wrong else "ok"} {number} - names: {name}{" # SKIP " + skip if skip else ""}')
        for line in wrong:
            print('# ' + line)
        failures += bool(wrong)
    return min(failures, 1)


if __name__ == '__main__':
    sys.exit(main())
