#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library beside this machine's libc without some of its functions, as older ones are.

What may be missing (optional in src/base/libc.c) changes no limit, and nobody who finds ours falls into a hole. Without anything else nothing is limited, a
line says so, and the program runs as it does bare. TAP; from the environment: SNDTIMEO_TEST_LIBRARY,
SNDTIMEO_TEST_SRCDIR, CC.
"""
import os
import pathlib
import re
import shlex
import struct
import subprocess
import sys
import tempfile

SOURCES = pathlib.Path(os.environ['SNDTIMEO_TEST_SRCDIR'])
LIBRARY = os.environ['SNDTIMEO_TEST_LIBRARY']
COMPILER = shlex.split(os.environ.get('CC') or 'cc')
# Without one of these there is no way to say a word (start.c); or to know whether one may.
SILENT = {'write', 'syscall', 'poll', 'ppoll', 'sigprocmask', 'pthread_setcancelstate', 'sigemptyset', 'sigaddset', 'sigismember',
          'sigpending', 'sigtimedwait', 'getauxval'}


class Libc:
    """A copy of libc.so.6 in a folder that the loader is led to."""

    def __init__(self, path, folder):
        self.bytes = pathlib.Path(path).read_bytes()
        self.folder = pathlib.Path(folder)
        wide = self.bytes[4] == 2
        # e_shoff, e_shentsize, e_shnum; of a section sh_type, sh_offset, sh_size, sh_link; of a symbol st_name, st_shndx.
        self.symbol = struct.Struct('=IBBHQQ' if wide else '=IIIBBH')
        self.shndx, self.value = (3, 4) if wide else (5, 1)
        offset = struct.unpack_from('=Q' if wide else '=I', self.bytes, 0x28 if wide else 0x20)[0]
        size, count = struct.unpack_from('=HH', self.bytes, 0x3A if wide else 0x2E)
        section = struct.Struct('=IIQQQQI' if wide else '=IIIIIII')
        sections = [section.unpack_from(self.bytes, offset + i * size) for i in range(count)]
        self.symbols = next(s for s in sections if s[1] == 11)  # SHT_DYNSYM
        self.strings = sections[self.symbols[6]]

    def places(self):
        """(name, offset) of each dynamic symbol."""
        for at in range(self.symbols[4], self.symbols[4] + self.symbols[5], self.symbol.size):
            begin = self.strings[4] + self.symbol.unpack_from(self.bytes, at)[0]
            yield self.bytes[begin:self.bytes.index(b'\0', begin)].decode(), at

    def lay_without(self, names):
        """The copy has none of @p names: they are symbols that it wants, not ones that it has."""
        changed = bytearray(self.bytes)
        for name, at in self.places():
            if name in names:
                symbol = list(self.symbol.unpack_from(changed, at))
                symbol[self.shndx] = symbol[self.value] = 0
                self.symbol.pack_into(changed, at, *symbol)
        (self.folder / 'libc.so.6').write_bytes(changed)

    def run(self, *command, **settings):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(('SNDTIMEO_', 'LD_'))}
        environment.update(settings, LD_LIBRARY_PATH=str(self.folder))
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def functions():
    table = re.search(r'#define LIBC_FUNCTIONS\(F\)(.*?)\n\n', (SOURCES / 'src/base/libc.h').read_text(), re.DOTALL)
    return re.findall(r'\bF\((\w+)\)', table[1])


def optional():
    table = re.search(r' optional\[] = {.*?\n}', (SOURCES / 'src/base/libc.c').read_text(), re.DOTALL)
    return re.findall(r'NUMBER_OF\((\w+)\)', table[0])


def limits_hold(libc, program, missing):
    libc.lay_without(missing)
    ran = libc.run(program, LD_PRELOAD=LIBRARY, SNDTIMEO_SEND='1', SNDTIMEO_LOG='stderr')
    if re.fullmatch(r'110 \d{3,4}\n', ran.stdout) and 'send to 127.0.0.1' in ran.stderr:
        return []
    return [f'without {", ".join(missing)}: {ran.returncode} {(ran.stdout + ran.stderr).strip()}']


def those_found_can_be_called(libc, program):
    # Newer than glibc 2.17, and one that is called by itself.
    libc.lay_without([*optional(), 'close_range'])
    return [f'{settings}: {ran.returncode} {(ran.stdout + ran.stderr).strip()}'
            for settings in ({}, {'SNDTIMEO_SEND': '1'}) for ran in [libc.run(program, LD_PRELOAD=LIBRARY, **settings)]
            if (ran.returncode, ran.stdout, ran.stderr) != (0, 'all called\n', '')]


def nothing_is_limited(libc, missing):
    libc.lay_without({missing})
    bare = libc.run('/bin/echo', 'said')
    if bare.returncode:
        return []   # the program itself needs it
    inert = libc.run('/bin/echo', 'said', LD_PRELOAD=LIBRARY)
    limited = libc.run('/bin/echo', 'said', LD_PRELOAD=LIBRARY, SNDTIMEO_SEND='1', SNDTIMEO_RULES='[::1] send=2s',
                       SNDTIMEO_LOG=str(libc.folder / 'log'), SNDTIMEO_VERBOSE='1')
    line = '' if missing in SILENT else f'sndtimeo: this libc has no {missing}(): nothing is limited\n'
    return [f'without {missing}: {ran.returncode} {(ran.stdout + ran.stderr).strip()}'
            for ran, told in ((inert, ''), (limited, line)) if (ran.returncode, ran.stdout, ran.stderr) != (0, 'said\n', told)]


def main():
    # Everything that is loaded by this interpreter is by that libc, too.
    maps = pathlib.Path('/proc/self/maps').read_text()
    path = re.search(r'\s(/\S*/libc(?:\.so\.6|-2\.\d+\.so))$', maps, re.MULTILINE)
    if not path:
        print('1..0 # SKIP there is no libc.so.6 here')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        libc = Libc(path[1], folder)
        program = os.path.join(folder, 'stalls')
        subprocess.run([*COMPILER, '-o', program, str(SOURCES / 'tests/launcher/musl.c')], check=True)
        finder = os.path.join(folder, 'found')
        subprocess.run([*COMPILER, '-w', '-o', finder, str(SOURCES / 'tests/libc/found.c'), '-ldl'], check=True)
        needed = [name for name in functions() if name not in optional()]
        tests = [
            ('with all of libc limits hold', lambda: limits_hold(libc, program, [])),
            ('without what may be missing limits hold', lambda: limits_hold(libc, program, optional())),
            ('who looks for what is missing and finds ours can call it', lambda: those_found_can_be_called(libc, finder)),
            ('without anything else nothing is limited, and a line says so',
             lambda: [wrong for name in needed for wrong in nothing_is_limited(libc, name)]),
        ]
        failures = 0
        print(f'1..{len(tests)}')
        for number, (name, test) in enumerate(tests, 1):
            wrong = test()
            print(f'{"not ok" if wrong else "ok"} {number} - libc: {name}')
            for line in wrong:
                print('# ' + line.replace('\n', ' | '))
            failures += bool(wrong)
        return min(failures, 1)


if __name__ == '__main__':
    sys.exit(main())
