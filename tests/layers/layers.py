#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether src/ is in layers (docs/design.md): what includes what, and what calls what by the symbols of the objects.

TAP, with a comment line for each thing that is not as it should be. From the environment: SNDTIMEO_TEST_SRCDIR,
SNDTIMEO_TEST_OBJECTS (where the objects of src/ are), SNDTIMEO_TEST_INSTRUMENTED, NM and CC (make check sets them).
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

# Each may use those before it. The command, and what it does from outside a process, are no layers of the library's: nothing
# in the library may use them.
LAYERS = ['base', 'limits', 'tell', 'connection', 'calls', 'preload']
OUTSIDE_USES = ['base', 'limits', 'tell', 'connection', 'outside']
COMMAND_USES = [*OUTSIDE_USES, 'command']

LENGTH_MOST = 400
# With this in its head, a file may be longer.
WHY_LONGER = f'Longer than {LENGTH_MOST} lines, because '

# These are for some machines, and empty on others.
MAY_BE_EMPTY = {'base/protector.c', 'preload/time64.c'}

SOURCES = pathlib.Path(os.environ['SNDTIMEO_TEST_SRCDIR'], 'src')
OBJECTS = pathlib.Path(os.environ['SNDTIMEO_TEST_OBJECTS'])

# The position-independent code, or the table of thread-local variables, asks for these; the linker makes them.
BY_THE_LINKER = {'_GLOBAL_OFFSET_TABLE_', '__tls_get_addr', '___tls_get_addr', '__stack_chk_fail_local'}


class Object:
    """What one object defines and what it asks for. Names of files are relative to src/."""

    def __init__(self, source, symbols):
        self.source = source
        self.defines = {name for kind, name in symbols if kind not in 'Uvw'}
        self.asks = {name for kind, name in symbols if kind in 'Uvw'}
        self.asks_weakly = {name for kind, name in symbols if kind in 'vw'}


def run(command, *arguments):
    return subprocess.run([*shlex.split(command), *arguments], capture_output=True, text=True, check=True).stdout


def symbols_of(path):
    """(kind, name) of each global symbol of an object or an archive."""
    fields = (line.split() for line in run(os.environ.get('NM') or 'nm', '-g', str(path)).splitlines())
    return [(field[-2], field[-1]) for field in fields if len(field) > 1]


def read_objects():
    """One for each source file that has been compiled: libtool and Automake put the target's name in front."""
    objects = []
    for source in sorted(SOURCES.glob('*/*.c')):
        name = source.relative_to(SOURCES)
        folder = OBJECTS / name.parent
        found = [*folder.glob(f'.libs/*-{name.stem}.o'), *folder.glob(f'*-{name.stem}.o')]
        # Criterion's programs compile some of the command once more.
        found = [path for path in found if path.name.startswith(('libcore_la-', 'libcommand_la-', 'libsndtimeo_la-',
                                                                     'sndtimeo-'))]
        if found:
            objects.append(Object(str(name), symbols_of(found[0])))
    return objects


def layer(name):
    return name.partition('/')[0]


def may_use(user, used):
    if layer(user) == 'command':
        return layer(used) in COMMAND_USES
    if layer(user) == 'outside':
        return layer(used) in OUTSIDE_USES
    if layer(used) not in LAYERS or layer(user) not in LAYERS:
        return False
    return LAYERS.index(layer(used)) <= LAYERS.index(layer(user))


def includes():
    """(file, header) of src/, for each include line that names one."""
    for path in sorted(SOURCES.glob('*/*.[ch]')):
        name = str(path.relative_to(SOURCES))
        for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.MULTILINE):
            # The compiler looks beside the file first.
            for place in (path.parent, SOURCES):
                target = pathlib.Path(os.path.normpath(place / header))
                if target.is_file() and target.is_relative_to(SOURCES):
                    yield name, str(target.relative_to(SOURCES))
                    break


def exported():
    return {name for path in SOURCES.glob('preload/*.sym') for name in path.read_text().split()}


def uses(objects):
    """(file, file, symbol) for each symbol that one object of src/ takes from another."""
    by_name = {}
    for o in objects:
        for symbol in o.defines:
            by_name.setdefault(symbol, []).append(o.source)
    for o in objects:
        in_command = layer(o.source) in ('command', 'outside')
        for symbol in sorted(o.asks):
            # The command's are libc's own. The bodies of exported names may call one another: a program could.
            if symbol in exported() and layer(o.source) in ('command', 'outside', 'preload'):
                continue
            definitions = by_name.get(symbol, [])
            # The command has a table of libc's functions of its own.
            of_command = [name for name in definitions if layer(name) in ('command', 'outside')]
            of_library = [name for name in definitions if layer(name) not in ('command', 'outside')]
            for name in of_command if in_command and of_command else of_library or of_command:
                yield o.source, name, symbol


def circles(edges):
    """The files of each circle (a strongly connected component of more than one), by Tarjan's algorithm."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for after in sorted(edges.get(node, ())):
            if after not in order:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], order[after])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return found


def shortest_way_round(edges, start, among):
    """The files from one of them and back to it, through others of its circle."""
    ways = [[start]]
    for way in ways:
        for after in sorted(edges.get(way[-1], set()) & among):
            if after == start:
                return way + [start]
            if not any(after in other for other in ways):
                ways.append(way + [after])


def includes_upwards():
    return [f'{name} includes {header}' for name, header in includes() if not may_use(name, header)]


def calls_upwards(objects):
    return [f'{name} uses {symbol} of {other}' for name, other, symbol in uses(objects) if not may_use(name, other)]


def in_circles(objects):
    edges, why = {}, {}
    for name, header in includes():
        edges.setdefault(name, set()).add(header)
        why[name, header] = 'includes'
    for name, other, symbol in uses(objects):
        edges.setdefault(name, set()).add(other)
        why.setdefault((name, other), f'uses {symbol} of')
    ways = []
    for circle in circles(edges):
        way = min((shortest_way_round(edges, name, set(circle)) for name in circle), key=len)
        ways.append(way[0] + ''.join(f' {why[step]} {step[1]}' for step in zip(way, way[1:])))
    return ways


def too_long():
    wrong = []
    for path in sorted(SOURCES.glob('*/*.[ch]')):
        text = path.read_text()
        count = text.count('\n')
        # The head is the comment that ends before the first directive.
        head = ' '.join(text.partition('\n#')[0].replace('\n *', '\n').split())
        if count > LENGTH_MOST and WHY_LONGER not in head:
            wrong.append(f'{path.relative_to(SOURCES)} has {count} lines, and its head does not say "{WHY_LONGER}..."')
        elif count <= LENGTH_MOST and WHY_LONGER in head:
            wrong.append(f'{path.relative_to(SOURCES)} has {count} lines, and its head says why it has more')
    return wrong


def past_the_table(objects):
    """What the library takes from libc by name: optional.h lists it, or the file itself declares it weak."""
    optional = set(re.findall(r'\w+', ' '.join(re.findall(r'\.weak ([\w, ]+)', (SOURCES / 'base/optional.h').read_text()))))
    ours = {symbol for o in objects if layer(o.source) in LAYERS for symbol in o.defines}
    by_compiler = BY_THE_LINKER | {name for kind, name in symbols_of(
        run(os.environ.get('CC') or 'cc', '-print-libgcc-file-name').strip()) if kind not in 'Uvw'}
    wrong = []
    for o in objects:
        if layer(o.source) not in LAYERS:
            continue
        text = (SOURCES / o.source).read_text()
        for symbol in sorted(o.asks - ours - by_compiler):
            declared = re.search(rf'\b{re.escape(symbol)}\b[^;]*\bweak\b', text)
            if symbol not in optional and not declared:
                wrong.append(f'{o.source} takes {symbol} from libc, not by the table in base/libc.h')
            elif symbol not in o.asks_weakly:
                wrong.append(f'{o.source} cannot be loaded where there is no {symbol}')
    return wrong


def main():
    objects = read_objects()
    missing = [str(source.relative_to(SOURCES)) for source in SOURCES.glob('*/*.c')
               if str(source.relative_to(SOURCES)) not in {o.source for o in objects
                                                           if o.defines or o.asks or o.source in MAY_BE_EMPTY}]
    unread = 'the objects have no symbols that nm can read' if len(missing) == len(list(SOURCES.glob('*/*.c'))) else ''
    instrumented = os.environ.get('SNDTIMEO_TEST_INSTRUMENTED') == 'yes'
    tests = [
        ('each file of src/ has an object', unread, lambda: [f'{name} has none' for name in missing]),
        ('includes run down', '', includes_upwards),
        ('calls run down', unread, lambda: calls_upwards(objects)),
        ('there is no circle of files', unread, lambda: in_circles(objects)),
        (f'files above {LENGTH_MOST} lines say why', '', too_long),
        ('what the library needs of libc is in the table, or optional',
         unread or ('the instruments take what they need' if instrumented else ''), lambda: past_the_table(objects)),
    ]
    failures = 0
    print(f'1..{len(tests)}')
    for number, (name, skip, check) in enumerate(tests, 1):
        if skip:
            print(f'ok {number} - layers: {name} # SKIP {skip}')
            continue
        wrong = check()
        print(f'{"not ok" if wrong else "ok"} {number} - layers: {name}')
        for line in wrong:
            print(f'# {line}')
        failures += bool(wrong)
    return min(failures, 1)


if __name__ == '__main__':
    sys.exit(main())
