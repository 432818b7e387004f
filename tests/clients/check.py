#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run real programs against bad and healthy peers, bare beside under sndtimeo both ways, and compare.

Each file in this folder is a client. What it needs and how it ends is said in its first comment; docs/clients.md tells
how to add one. The exit status is 1 if a cell of the matrix does not hold.
"""
import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

sys.dont_write_bytecode = True   # the source tree may be read-only, and is not ours to write to
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, 'runner'), os.path.join(HERE, '..', 'peers')]

import client as clients
from certificate import make_certificate
from document import write_document
from judge import judge
from scenes import SCENES

WAYS = 'bare', *clients.WAYS
CELL = os.path.join(HERE, 'runner', 'cell.py')
# The distribution's own programs, before what else may be installed.
SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
# Of all that a client may be told to connect to.
NAMES = 'DNS:localhost,IP:127.0.0.1,IP:::1,IP:10.9.0.2,IP:fd09::2,IP:10.9.0.1,IP:fd09::1'
# Longer than the longest scene.
OVERTIME = 120


@dataclass
class Cell:
    client: clients.Client
    scene: object
    family: int
    tls: bool
    seen: dict = field(default_factory=dict)   # way: what was seen
    skipped: str = ''
    broken: str = ''

    @property
    def name(self):
        return '%s, %d: %s%s%s' % (self.client.name, self.scene.number, self.scene.title,
                                   ', IPv6' if self.family == 6 else '', ', TLS' if self.tls else '')

    def excuse(self, way):
        return self.client.excuse(way, self.scene.number)

    def judged(self):
        """Each way that was run: what is wrong, in words, or nothing."""
        bare = self.seen.get('bare', {'broken': 'there is no bare run'})
        return {way: self.judge(bare, self.seen[way], way) for way in self.client.ways if way in self.seen}

    def judge(self, bare, seen, way):
        for one in bare, seen:
            if 'broken' in one:
                return 'the runner failed: ' + one['broken']
        return judge(self.client, self.scene, bare, seen, way)

    def verdict_of(self, way):
        """Of one column, or None if it was not run."""
        if self.skipped:
            return 'SKIP'
        wrong = self.judged().get(way)
        if wrong:
            return 'XFAIL' if self.excuse(way) else 'FAIL'
        return None if wrong is None else 'PASS'

    @property
    def verdict(self):
        """A cell holds if a limit acts one way, and why not the other way is said."""
        if self.broken:
            return 'FAIL'
        verdicts = {self.verdict_of(way) for way in self.client.ways}
        return next((one for one in ('SKIP', 'FAIL', 'PASS', 'XFAIL') if one in verdicts), 'SKIP')

    @property
    def to_try_again(self):
        return [way for way in self.client.ways if self.verdict_of(way) == 'FAIL']


def ways_of(cell, options):
    """How it is run now."""
    possible = ['bare', *cell.client.ways]
    if options.ci and 'inside' in possible and (cell.family, cell.tls) not in cell.scene.outside_in_ci:
        possible = ['bare', 'inside']
    return [way for way in possible if way in options.ways]


def cells_of(client, options):
    for scene in SCENES.values():
        if scene.number not in options.scenes:
            continue
        if client.only('Skips', scene.number):
            continue   # not applicable, which the document says
        for family in 4, 6:
            for tls in {'no': (False,), 'yes': (False, True), 'only': (True,)}[client.tls]:
                if options.ci and (family, tls) not in (scene.in_ci if client.tls != 'only' else
                                                        [(f, True) for f, _ in scene.in_ci]):
                    continue
                cell = Cell(client, scene, family, tls)
                if family in options.families and options.tls in (None, tls) and ways_of(cell, options):
                    yield cell


class Pool:
    """Starts runs as long as there is room: most of them wait, some work."""

    def __init__(self, room):
        self.room = room
        self.taken = 0.0
        self.free = threading.Condition()

    def enter(self, part):
        with self.free:
            self.free.wait_for(lambda: self.taken == 0 or self.taken + part <= self.room + 1e-9)
            self.taken += part

    def leave(self, part):
        with self.free:
            self.taken -= part
            self.free.notify_all()


class Run:
    """Everything that one run of the matrix shares."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix='sndtimeo-clients.')
        os.chmod(self.folder, 0o755)   # servers that are not root have folders in it
        self.pool = Pool(options.load)
        self.lock = threading.Lock()
        self.built = {}
        self.payloads = {}
        self.number = 0
        self.certificate, self.key = make_certificate(self.folder, NAMES)
        os.chmod(self.key, 0o644)   # it protects nothing, and servers that are not root read it

    def payload(self, size):
        """A file of lines of digits, which every protocol carries as it is and hardly anything compresses much. It is
        always the same, so that runs compare with earlier ones."""
        with self.lock:
            if size not in self.payloads:
                path = os.path.join(self.folder, 'payload-%d' % size)
                with open(path, 'w') as f:
                    text = random.Random(size).randbytes(size // 2 + 64).hex()
                    lines = '\n'.join(text[i:i + 63] for i in range(0, len(text), 63))
                    f.write(lines[:size - 1] + '\n')
                self.payloads[size] = path
            return self.payloads[size]

    def build(self, client):
        """Build a client once. Returns why it cannot be."""
        line = client.said.get('Build')
        if not line:
            return ''
        with self.lock:
            if client.key not in self.built:
                folder = os.path.join(self.folder, 'built', client.key)
                os.makedirs(folder)
                done = subprocess.run(['sh', '-c', line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      env={**os.environ, 'FILE': client.path, 'BUILT': folder, 'CA': self.certificate}, cwd=folder)
                self.built[client.key] = '' if done.returncode == 0 else 'cannot be built: ' + done.stdout[-2000:]
            return self.built[client.key]

    def job(self, cell, way):
        with self.lock:
            self.number += 1
            folder = os.path.join(self.folder, '%d-%s-%d' % (self.number, cell.client.key, cell.scene.number))
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        return {'client': cell.client.path, 'scene': cell.scene.number, 'family': cell.family, 'tls': cell.tls,
                'way': way, 'folder': folder, 'launcher': self.options.launcher, 'certificate': self.certificate,
                'key': self.key, 'payload': self.payload(cell.scene.size),
                'built': os.path.join(self.folder, 'built', cell.client.key)}

    def one(self, cell, way):
        """Bare or under sndtimeo: what cell.py saw."""
        part = int(cell.client.said.get('Weight', '1')) / cell.scene.parallel
        self.pool.enter(part)
        try:
            job = self.job(cell, way)
            # The distribution's python3, which has the modules of the servers.
            process = subprocess.Popen(['python3', CELL, json.dumps(job)], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            try:
                out, errors = process.communicate(timeout=cell.scene.patience + OVERTIME)
                cell.seen[way] = json.loads(out) if out else {'broken': errors[-2000:]}
            except subprocess.TimeoutExpired:
                process.terminate()   # so that it ends what it started
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(OVERTIME)
                process.kill()
                process.wait()
                cell.seen[way] = {'broken': 'it did not end'}
            if not self.options.keep:
                shutil.rmtree(job['folder'], ignore_errors=True)
        finally:
            self.pool.leave(part)

    def play(self, cell):
        cell.broken = self.build(cell.client)
        if cell.broken:
            return
        ways = ways_of(cell, self.options)
        if 'bare' not in ways and 'bare' not in cell.seen:
            ways.insert(0, 'bare')
        self.play_once(cell, ways)
        first = words(cell, cell.to_try_again)
        for _ in range(self.options.retries):
            # The machine may have stood still for a moment. A cell that gets worse does so again.
            again = [way for way in cell.to_try_again if way in ways]
            if not again:
                break
            self.play_once(cell, ['bare', *again])
        if first and not cell.to_try_again:
            print('    (%s: at the first try %s)' % (cell.name, first), flush=True)

    def play_once(self, cell, ways):
        runs = [threading.Thread(target=self.one, args=(cell, way)) for way in ways]
        for thread in runs:
            thread.start()
        for thread in runs:
            thread.join()
        cell.skipped = next((cell.seen[way]['impossible'] for way in ways if 'impossible' in cell.seen[way]), '')

    def finish(self):
        if not self.options.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print('kept:', self.folder)


def words(cell, ways):
    """What is wrong with them."""
    wrong = cell.judged()
    return '; '.join('%s: %s' % (way, wrong[way]) for way in ways if wrong.get(way))


def brief(seen):
    """One run in a few words."""
    if not seen or 'waits' not in seen:
        return '?'
    if seen['waits']:
        return 'waits'
    return 'exit %s, %.1f s' % (seen['status'], seen['seconds'] if seen['stalled'] else seen['whole'])


def tell(cell, verbose):
    text = '%s: %s' % (cell.verdict, cell.name)
    if cell.skipped:
        print('%s (%s)' % (text, cell.skipped), flush=True)
        return
    if cell.seen:
        text += ': ' + '; '.join('%s %s' % (way, brief(cell.seen[way])) for way in WAYS if way in cell.seen)
    for wrong in cell.broken, words(cell, cell.client.ways):
        if wrong:
            text += '\n    %s' % wrong
    print(text, flush=True)
    if cell.verdict == 'FAIL' or verbose:
        for way, seen in cell.seen.items():
            if 'output' in seen:
                said = {key: value for key, value in seen.items() if key not in ('output', 'log')}
                print('    %s: %s' % (way, json.dumps(said)))
                for name in 'output', 'log':
                    if seen[name]:
                        print('      %s: %s' % (name, seen[name][-1500:].replace('\n', '\n        ')))


def numbers(text):
    return {int(number) for number in text.split(',')}


def ways(text):
    chosen = text.split(',')
    if not set(chosen) <= set(WAYS):
        raise argparse.ArgumentTypeError('there are %s' % ', '.join(WAYS))
    return chosen


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='.', help='where sndtimeo was built (default: here)')
    parser.add_argument('--clients', metavar='REGEX', default='', help='only those whose file or name matches')
    parser.add_argument('--scenes', metavar='N,...', type=numbers, default=set(SCENES))
    parser.add_argument('--families', metavar='4,6', type=numbers, default={4, 6})
    parser.add_argument('--tls', action=argparse.BooleanOptionalAction, help='only with it, or only without')
    parser.add_argument('--ways', metavar='WAY,...', type=ways, default=WAYS,
                        help='of bare, inside and outside; bare, too, where --results has none to compare with')
    parser.add_argument('--ci', action='store_true', help='the part of the matrix that CI runs')
    parser.add_argument('--load', type=float, default=1, help='more or less at the same time (default 1: for two processors)')
    parser.add_argument('--retries', type=int, default=1, help='how often a cell that fails is tried again')
    parser.add_argument('--document', metavar='FILE', help='write the matrix to this file')
    parser.add_argument('--results', metavar='FILE', help='keep what was seen here, and take from it what is not run now')
    parser.add_argument('--keep', action='store_true', help='keep the folders of the runs')
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('--packages', action='store_true', help='print the Debian packages that all clients need, and end')
    return parser.parse_args()


def main():
    os.environ['PATH'] = SYSTEM_PATH + ':' + os.environ['PATH']
    options = parse()
    every = clients.read_all()
    if options.packages:
        print(' '.join(sorted({package for client in every for package in client.packages})))
        return 0
    options.launcher = os.path.join(os.path.abspath(options.build), 'sndtimeo')
    chosen = [client for client in every if re.search(options.clients, client.key + ' ' + client.name)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    cells, absent = [], []
    for client in chosen:
        missing = client.missing()
        if missing:
            absent.append((client, missing))
            print('SKIP: %s (there is no %s)' % (client.name, missing), flush=True)
        else:
            cells += cells_of(client, options)
    earlier = read_results(options.results, every)
    for cell in cells:
        if cell.name in earlier:
            cell.seen.update(earlier[cell.name].seen)
    run = Run(options)
    began = time.monotonic()
    try:
        play_all(run, cells, options)
    finally:
        run.finish()
        results = cells
        if options.results:
            earlier.update({cell.name: cell for cell in cells if cell.seen or cell.skipped})
            results = list(earlier.values())
            write_results(options.results, results)
    if options.document:
        write_document(options.document, every, results, absent)
    print('%d cells in %.0f s' % (len(cells), time.monotonic() - began))
    return summary(cells, absent)


def read_results(path, every):
    """The cells of earlier runs, by name."""
    if not path or not os.path.exists(path):
        return {}
    by_key = {client.key: client for client in every}
    with open(path, encoding='utf-8') as f:
        cells = [Cell(by_key[one.pop('client')], SCENES[one.pop('scene')], **one)
                 for one in json.load(f) if one['client'] in by_key]
    return {cell.name: cell for cell in cells}


def write_results(path, cells):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump([{'client': cell.client.key, 'scene': cell.scene.number, 'family': cell.family, 'tls': cell.tls,
                    'seen': cell.seen, 'skipped': cell.skipped} for cell in cells], f)


def play_all(run, cells, options):
    def play(cell):
        try:
            run.play(cell)
        except Exception as error:
            cell.broken = 'the runner failed: %r' % error
        with told:
            tell(cell, options.verbose)

    told = threading.Lock()
    # The longest first, so that the end is not a wait for one of them.
    cells.sort(key=lambda cell: -cell.scene.patience)
    gate = threading.Semaphore(int(60 * max(1, options.load)))
    threads = []
    for cell in cells:
        gate.acquire()
        thread = threading.Thread(target=lambda cell=cell: (play(cell), gate.release()), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def summary(cells, absent):
    """As Automake's, for whoever counts; then by column."""
    verdicts = [cell.verdict for cell in cells]
    print('=' * 76, 'Testsuite summary: real programs', '=' * 76, sep='\n')
    print('# TOTAL: %d' % (len(cells) + len(absent)))
    for verdict in 'PASS', 'SKIP', 'XFAIL', 'FAIL':
        print('# %s: %d' % (verdict, verdicts.count(verdict) + (len(absent) if verdict == 'SKIP' else 0)))
    for way in clients.WAYS:
        column = [cell.verdict_of(way) for cell in cells]
        print('# %s: %s' % (way, ', '.join('%s %d' % (one, column.count(one)) for one in ('PASS', 'XFAIL', 'FAIL'))))
    return 1 if 'FAIL' in verdicts else 0


if __name__ == '__main__':
    sys.exit(main())
