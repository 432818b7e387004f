#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run real programs against bad and healthy peers, bare beside under sndtimeo, and compare.

Each file in this folder is a client. What it needs and how it ends is said in its first comment; docs/clients.md tells
how to add one. The exit status is 1 if a cell of the matrix does not hold.
"""
import argparse
import contextlib
import json
import os
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
    seen: dict = field(default_factory=dict)   # under: what was seen
    skipped: str = ''
    wrong: str = ''

    @property
    def name(self):
        return '%s, %d: %s%s%s' % (self.client.name, self.scene.number, self.scene.title,
                                   ', IPv6' if self.family == 6 else '', ', TLS' if self.tls else '')

    @property
    def cannot(self):
        return self.client.only('Cannot', self.scene.number)

    @property
    def verdict(self):
        if self.skipped:
            return 'SKIP'
        if self.wrong:
            return 'XFAIL' if self.cannot else 'FAIL'
        return 'PASS'


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
                if family in options.families and (options.tls is None or options.tls == tls):
                    yield Cell(client, scene, family, tls)


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
        """A file of lines of digits, which every protocol carries as it is and hardly anything compresses much."""
        with self.lock:
            if size not in self.payloads:
                path = os.path.join(self.folder, 'payload-%d' % size)
                with open(path, 'w') as f:
                    text = os.urandom(size // 2 + 64).hex()
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

    def job(self, cell, under):
        with self.lock:
            self.number += 1
            folder = os.path.join(self.folder, '%d-%s-%d' % (self.number, cell.client.key, cell.scene.number))
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        return {'client': cell.client.path, 'scene': cell.scene.number, 'family': cell.family, 'tls': cell.tls,
                'under': under, 'folder': folder, 'launcher': self.options.launcher, 'certificate': self.certificate,
                'key': self.key, 'payload': self.payload(cell.scene.size),
                'built': os.path.join(self.folder, 'built', cell.client.key)}

    def one(self, cell, under):
        """Bare or under: what cell.py saw."""
        part = int(cell.client.said.get('Weight', '1')) / cell.scene.parallel
        self.pool.enter(part)
        try:
            job = self.job(cell, under)
            # The distribution's python3, which has the modules of the servers.
            process = subprocess.Popen(['python3', CELL, json.dumps(job)], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            try:
                out, errors = process.communicate(timeout=cell.scene.patience + OVERTIME)
                cell.seen[under] = json.loads(out) if out else {'broken': errors[-2000:]}
            except subprocess.TimeoutExpired:
                process.terminate()   # so that it ends what it started
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(OVERTIME)
                process.kill()
                process.wait()
                cell.seen[under] = {'broken': 'it did not end'}
            if not self.options.keep:
                shutil.rmtree(job['folder'], ignore_errors=True)
        finally:
            self.pool.leave(part)

    def play(self, cell):
        trouble = self.build(cell.client)
        if trouble:
            cell.wrong = trouble
            return
        self.play_once(cell)
        first = cell.wrong
        for _ in range(self.options.retries):
            # The machine may have stood still for a moment. A cell that gets worse does so again.
            if not cell.wrong or cell.cannot:
                break
            self.play_once(cell)
        if first and not cell.wrong:
            print('    (%s: at the first try %s)' % (cell.name, first), flush=True)

    def play_once(self, cell):
        cell.wrong = ''
        both = [threading.Thread(target=self.one, args=(cell, under)) for under in (False, True)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        said = {key: value for seen in cell.seen.values() for key, value in seen.items()}
        if 'broken' in said:
            cell.wrong = 'the runner failed: ' + said['broken']
        elif 'impossible' in said:
            cell.skipped = said['impossible']
        else:
            cell.wrong = judge(cell.client, cell.scene, cell.seen[False], cell.seen[True])

    def finish(self):
        if not self.options.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print('kept:', self.folder)


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
        text += ': bare %s; under %s' % (brief(cell.seen.get(False)), brief(cell.seen.get(True)))
    if cell.wrong:
        text += '\n    %s' % cell.wrong
    print(text, flush=True)
    if cell.wrong and not cell.cannot or verbose:
        for under, seen in sorted(cell.seen.items()):
            if 'output' in seen:
                said = {key: value for key, value in seen.items() if key not in ('output', 'log')}
                print('    %s: %s' % ('under' if under else 'bare', json.dumps(said)))
                for name in 'output', 'log':
                    if seen[name]:
                        print('      %s: %s' % (name, seen[name][-1500:].replace('\n', '\n        ')))


def numbers(text):
    return {int(number) for number in text.split(',')}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='.', help='where sndtimeo was built (default: here)')
    parser.add_argument('--clients', metavar='REGEX', default='', help='only those whose file or name matches')
    parser.add_argument('--scenes', metavar='N,...', type=numbers, default=set(SCENES))
    parser.add_argument('--families', metavar='4,6', type=numbers, default={4, 6})
    parser.add_argument('--tls', action=argparse.BooleanOptionalAction, help='only with it, or only without')
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
    run = Run(options)
    began = time.monotonic()
    try:
        play_all(run, cells, options)
    finally:
        run.finish()
        results = cells
        if options.results:
            results = with_earlier(options.results, every, [cell for cell in cells if cell.seen or cell.skipped])
    if options.document:
        write_document(options.document, every, results, absent)
    print('%d cells in %.0f s' % (len(cells), time.monotonic() - began))
    return summary(cells, absent)


def with_earlier(path, every, cells):
    """The cells, and those of earlier runs that were not run now; all are kept in the file."""
    known = {}
    if os.path.exists(path):
        by_key = {client.key: client for client in every}
        with open(path, encoding='utf-8') as f:
            for one in json.load(f):
                if one['client'] in by_key:
                    cell = Cell(by_key[one['client']], SCENES[one['scene']], one['family'], one['tls'],
                                {False: one['bare'], True: one['under']}, one['skipped'], one['wrong'])
                    known[cell.name] = cell
    known.update({cell.name: cell for cell in cells})
    with open(path, 'w', encoding='utf-8') as f:
        json.dump([{'client': cell.client.key, 'scene': cell.scene.number, 'family': cell.family, 'tls': cell.tls,
                    'bare': cell.seen.get(False), 'under': cell.seen.get(True), 'skipped': cell.skipped,
                    'wrong': cell.wrong} for cell in known.values()], f)
    return list(known.values())


def play_all(run, cells, options):
    def play(cell):
        try:
            run.play(cell)
        except Exception as error:
            cell.wrong = 'the runner failed: %r' % error
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
    """As Automake's, for whoever counts."""
    verdicts = [cell.verdict for cell in cells]
    print('=' * 76, 'Testsuite summary: real programs', '=' * 76, sep='\n')
    print('# TOTAL: %d' % (len(cells) + len(absent)))
    for verdict in 'PASS', 'SKIP', 'XFAIL', 'FAIL':
        print('# %s: %d' % (verdict, verdicts.count(verdict) + (len(absent) if verdict == 'SKIP' else 0)))
    return 1 if 'FAIL' in verdicts else 0


if __name__ == '__main__':
    sys.exit(main())
