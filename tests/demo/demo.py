#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Play the job sndtimeo exists for: unmodified requests uploads, bare beside under sndtimeo, against real peers.

Everything happens on this machine, on loopback or in namespaces made for it. The exit status is 0 if every scene came
out as expected, 1 if one did not, 2 if the demo cannot be played at all.
"""
import argparse
import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True   # the source tree may be read-only, and is not ours to write to

BUSY = 0.1   # seconds without a processor that are worth a word

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, '..', 'peers'))

import scenes
from certificate import make_certificate
from load import Metronome
from play import DELAYLINE, PYTHON, Player
from show import Table, Tap, explain, verdict


def requests_version():
    """What the clients will import, in words; nothing if there is no requests."""
    program = 'import requests, urllib3; print("requests", requests.__version__ + ", urllib3", urllib3.__version__)'
    found = subprocess.run([*PYTHON, '-c', program], capture_output=True, text=True)
    return found.stdout.strip()


def why_not_at_all(requests):
    """Why nothing can be played here; nothing if something can."""
    if not hasattr(asyncio, 'TaskGroup'):
        return 'Python %s is too old, 3.11 is needed' % sys.version.split()[0]
    return '' if requests else '%s has no requests (Debian, Ubuntu: python3-requests)' % sys.executable


def certificate_file(folder):
    """A certificate for 127.0.0.1 and its key, in one file; nothing without openssl."""
    if not shutil.which('openssl'):
        return None
    path, key = make_certificate(folder, 'IP:127.0.0.1')
    with open(path, 'a') as both, open(key) as f:
        both.write(f.read())
    return path


def make_files(folder, sizes):
    """Files of noise, which neither TLS nor anything else can compress: {size: (path, SHA-256)}."""
    files = {}
    for size in sizes:
        path = os.path.join(folder, '%d.bin' % size)
        noise = os.urandom(size)
        with open(path, 'wb') as f:
            f.write(noise)
        files[size] = path, hashlib.sha256(noise).hexdigest()
    return files


def why_no_link():
    """Why the delayed link cannot be built here; nothing if it can."""
    tried = subprocess.run([*PYTHON, DELAYLINE, '--possible'], capture_output=True, text=True)
    return '' if tried.returncode == 0 else tried.stderr.strip() or 'no delayed link'


def largest_send_buffer():
    """What the kernel alone may take from a sender, in bytes."""
    with open('/proc/sys/net/ipv4/tcp_wmem') as f:
        return int(f.read().split()[2])


class Obstacles:
    """Why a scene cannot be played on this machine; nothing if it can."""

    def __init__(self, certificate):
        self.certificate = certificate
        self.link = why_no_link()
        self.send_buffer = largest_send_buffer()

    def of(self, scene):
        if scene.tls and not self.certificate:
            return 'openssl is not installed'
        if scene.far:
            return self.link
        if scenes.BLACKHOLE_SIZE < scene.size <= self.send_buffer:
            return 'net.ipv4.tcp_wmem lets the kernel take the whole file at once'
        return ''


async def play_all(table, rows, player, display):
    """Play these rows of the table on both sides, as many as can at once and the longest first. Returns for each row the
    outcome bare and the one under sndtimeo."""
    def seconds(side):
        row, under = side
        return (table[row].under if under else table[row].bare).seconds

    async def finish(row):
        results[row] = await plays[row, False], await plays[row, True]
        display.played(row, *results[row])

    results = {}
    sides = sorted(((row, under) for row in rows for under in (False, True)), key=seconds, reverse=True)
    async with asyncio.TaskGroup() as group:
        # Ended like by Ctrl-C, so that everything that was started is stopped.
        for ending in signal.SIGTERM, signal.SIGHUP:
            asyncio.get_running_loop().add_signal_handler(ending, asyncio.current_task().cancel)
        plays = {side: group.create_task(player.play(table[side[0]], side[1])) for side in sides}
        beating = group.create_task(player.metronome.run())
        for finishing in [group.create_task(finish(row)) for row in rows]:
            await finishing
        beating.cancel()
    return results


def skip_impossible(table, obstacles, display):
    """Show the rows that cannot be played here and why; return the others."""
    possible = []
    for row, scene in enumerate(table):
        reason = obstacles.of(scene)
        if reason:
            display.skipped(row, reason)
        else:
            possible.append(row)
    return possible


def introduce(numbers, launcher, requests):
    return f"""\
Uploads with requests.post(url, files={{'file': f}}, timeout=...), bare and under `{' '.join(launcher)}`,
with Python {sys.version.split()[0]}, {requests}, all of them unmodified, to peers on this machine.
"hangs": still waiting after {numbers.hangs:g} s, then stopped. Seconds count from the call of post(), or if it fails while
sending: bare from the peer's accept, under sndtimeo from the peer's last progress (its kernel last took data)."""


def first_words(results):
    """A line that the library logged, to show what its log is like."""
    said = (line for _, under in results.values() for line in under.stderr.splitlines() if 'sndtimeo' in line)
    return next(said, None)


def conclude(table, results, display, seconds):
    """Sum up; return the exit status."""
    wrong = [row for row in sorted(results) if not verdict(table[row], *results[row])]
    summary = '%d of %d scenes came out as expected, %d did not, %d were skipped; %.0f s in all.' % (
        len(results) - len(wrong), len(table), len(wrong), len(table) - len(results), seconds)
    example = first_words(results)
    notes = ['What it logs on stderr, for instance: ' + example] if example else []
    busy = max((side.busy for row in results for side, expected in zip(results[row], (table[row].bare, table[row].under))
                if isinstance(expected, scenes.Fails)), default=0)
    if busy > BUSY:
        notes.append('This machine was busy: a scene had no processor for up to %.1f s, and as much was allowed for.' % busy)
    if wrong:
        notes.append('What was expected and what came is below; with it and `uname -a` we can find out why.')
    display.end(summary, notes + [line for row in wrong for line in explain(table[row], *results[row])])
    return 1 if wrong else 0


def play(options, requests, folder):
    began = time.monotonic()
    numbers = scenes.QUICK if options.quick else scenes.FULL
    table = scenes.table(numbers)
    display = (Tap if options.tap else Table)(table)
    launcher = ['sndtimeo', '-c', '%g' % numbers.connect_deadline, '-s', '%g' % numbers.send_timeout, '--']
    certificate = certificate_file(folder)
    display.start(introduce(numbers, launcher, requests))
    rows = skip_impossible(table, Obstacles(certificate), display)
    files = make_files(folder, {table[row].size for row in rows})
    player = Player([os.path.join(options.build, launcher[0]), *launcher[1:]], certificate, files, folder, Metronome())
    results = asyncio.run(play_all(table, rows, player, display))
    return conclude(table, results, display, time.monotonic() - began)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True, help='the build folder, with the launcher `sndtimeo` in it')
    parser.add_argument('--quick', action='store_true', help='the same table with shorter times')
    parser.add_argument('--tap', action='store_true', help='TAP, for a test driver')
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if not os.access(os.path.join(options.build, 'sndtimeo'), os.X_OK):
        parser.error('no sndtimeo in %s: build it first' % options.build)
    return options


def main():
    options = parse_options()
    requests = requests_version()
    reason = why_not_at_all(requests)
    if reason:
        print('1..0 # SKIP ' + reason if options.tap else 'The demo cannot be played: ' + reason)
        return 0 if options.tap else 2
    # The build folder may be somebody else's.
    where = options.build if os.access(options.build, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix='demo.', dir=where) as folder:
        return play(options, requests, folder)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit('\ninterrupted; everything that was started has been stopped')
