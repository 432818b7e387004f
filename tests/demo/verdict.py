#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Try the demo's judgement without playing it: outcomes as they would be, and a table in terminals of both kinds. TAP."""
import asyncio
import os
import pty
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, HERE)

import load
import scenes
from play import Outcome

count = 0


def check(good, name):
    global count
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, name), flush=True)


def ended_after(seconds, error='ConnectionError', cause='timed out', waited=0, peer_waited=0, hiccup=0):
    return Outcome(client={'began': 100, 'ended': 100 + seconds, 'error': error, 'cause': cause, 'waited': waited},
                   peer={'peer_waited': peer_waited}, hiccup=hiccup)


def judge_times():
    """A send timeout of 4 s that may be 0.3 s late, and whose beginning may be seen 0.15 s late."""
    expected = scenes.Fails(('ConnectionError',), 'timed out', 4, 0.3, 'began', 0.15)
    for fits, outcome, name in (
            (True, ended_after(4.02), 'in time'),
            (True, ended_after(4.29), 'as late as it may be'),
            (False, ended_after(4.4), 'too late, on an idle machine'),
            (True, ended_after(4.4, waited=0.2), 'late, when the client had no processor for as long'),
            (True, ended_after(4.4, peer_waited=0.2), 'late, when the peer had none'),
            (True, ended_after(4.4, hiccup=0.2), 'late, when the whole machine stood still'),
            (False, ended_after(5.4, waited=0.4, peer_waited=0.3, hiccup=0.2), 'later than the load can account for'),
            (False, ended_after(3.7), 'too early'),
            (True, ended_after(3.7, peer_waited=0.2), 'early, when the peer saw the beginning late'),
            (False, ended_after(3.5, peer_waited=0.1), 'earlier than the load can account for'),
            (False, ended_after(4.02, error='ReadTimeout', waited=9), 'another error, however busy the machine'),
            (False, ended_after(4.02, cause='reset', waited=9), 'another cause, however busy the machine'),
            (False, Outcome(waiting=True, hiccup=9), 'still waiting, however busy the machine')):
        check(expected.fits(outcome) == fits, name)
    whole = scenes.Answered(10)
    check(not whole.fits(Outcome(client={'status': 201, 'waited': 9})), 'half a file, however busy the machine')
    check(whole.fits(Outcome(client={'status': 201}, complete=True)), 'the whole file')


def waited_beside(rivals):
    """What load.waited() counts in a process that computes for half a second of its own time on one processor."""
    one = [sorted(os.sched_getaffinity(0))[0]]
    program = ('import os, sys, time; sys.path.insert(1, sys.argv[1]); from load import waited; before = waited()\n'
               'while time.process_time() < 0.5: pass\n'
               'print(waited() - before)')
    others = [subprocess.Popen([sys.executable, '-c', 'while True: pass'],
                               preexec_fn=lambda: os.sched_setaffinity(0, one)) for _ in range(rivals)]
    try:
        return float(subprocess.run([sys.executable, '-c', program, HERE], check=True, capture_output=True,
                                    preexec_fn=lambda: os.sched_setaffinity(0, one)).stdout)
    finally:
        for other in others:
            other.kill()
            other.wait()


async def longest_sleep():
    """What the metronome knows of half a second in which nothing else could run."""
    metronome = load.Metronome()
    beating = asyncio.create_task(metronome.run())
    await asyncio.sleep(0.1)
    began = time.monotonic()
    time.sleep(0.5)
    await asyncio.sleep(0.1)
    beating.cancel()
    return metronome.worst_since(began), metronome.worst_since(time.monotonic())


def measure_load():
    if os.path.exists('/proc/self/schedstat'):
        check(waited_beside(2) > 0.3, 'a process beside two others counts what it waits for a processor')
    else:
        check(True, 'a process beside two others counts what it waits # SKIP this kernel counts nothing')
    worst, later = asyncio.run(longest_sleep())
    check(0.4 < worst, 'the metronome misses half a second')
    check(later == 0, 'and only while it was')


def shown(term):
    """What a table prints in a terminal that is large enough for one that is redrawn."""
    program = ('import sys; sys.path.insert(1, sys.argv[1]); import scenes, show\n'
               'table = scenes.table(scenes.FULL); display = show.Table(table); display.start("")\n'
               'for row in range(len(table)): display.skipped(row, "none")\n')
    controller, terminal = pty.openpty()
    environment = {**os.environ, 'TERM': term, 'COLUMNS': '150', 'LINES': '60'}
    process = subprocess.Popen([sys.executable, '-Bc', program, HERE], stdout=terminal, env=environment)
    os.close(terminal)
    text = b''
    while True:
        try:
            text += os.read(controller, 65536)
        except OSError:   # the other side was closed
            break
    process.wait()
    return text


def show_tables():
    for term, redrawn in ('xterm', True), ('dumb', False), ('', False):
        text = shown(term)
        check((b'\x1b' in text) == redrawn and b'blackhole' in text,
              'a table is %s where TERM is "%s"' % ('redrawn' if redrawn else 'plain lines', term))


judge_times()
measure_load()
show_tables()
print('1..%d' % count)
