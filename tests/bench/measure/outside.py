# SPDX-License-Identifier: MIT
"""What limits from outside cost: the watcher's processor time and memory, what the program feels, and how late a verdict is."""
import contextlib
import errno
import re
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure.rounds import answer, in_turn, running
from measure.table import Row
from measure.tools import Preload, environment

PEERS = Path(__file__).resolve().parent.parent.parent / 'peers'
sys.path.insert(0, str(PEERS))
from blackhole import fill  # noqa: E402

# The most processor time of the watcher, in percent of one processor: for each limit in seconds, by connections.
SHARES = {30: {1: 0.05, 1000: 1.0, 9000: 8.0}, 2: {1: 0.5, 1000: 8.0, 9000: 40.0}}
SECONDS = {30: 30, 2: 10}
# What they do meanwhile. Those that are refused move twice in a limit, or there would be none left.
STATES = {'idle': 'idle', 'refused': 'full and waited for'}
BYTES_A_CONNECTION = 200
# A watcher has found all by then.
SETTLED = 3
CLOSE_ROUNDS, CLOSES = 20, 1000
# What was closed full is read to its end meanwhile.
DRAINED_MS = 250
TRACED = 100
LATE = 100
LATE_LIMITS = (2, 5)
CUT_PORT = '9999'
# The link has read what it is to do by then, in seconds.
LOST_BY = 0.2
LATE_P50, LATE_P99, LATE_LEAST_MS, LATE_CONNECT = 3.0, 7.5, 150, 5.0


def processor_seconds(pid):
    """As its clock has it, which is finer than the ticks in /proc (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def go_on(process):
    """It waits for a line."""
    process.stdin.write('\n')
    process.stdin.flush()


def private_bytes(pid):
    """What it has for itself and has written to."""
    rollup = Path(f'/proc/{pid}/smaps_rollup').read_text(encoding='ascii')
    return 1024 * int(re.search(r'^Private_Dirty: +(\d+)', rollup, re.M)[1])


def connections(count):
    """In words."""
    return f"{count:,} connection{'s' * (count != 1)}"


def percentile(values, percent):
    """Of sorted ones."""
    return values[min(len(values) - 1, len(values) * percent // 100)]


class Outside:
    """The rows of one build."""

    def __init__(self, build, full, tell):
        self.stalls, self.command = str(build / 'tests/bench/stalls'), str(build / 'sndtimeo')
        self.late = 3 * LATE if full else LATE
        self.tell = tell

    # What is run

    @contextlib.contextmanager
    def peer(self, every_ms):
        """Reads a little that often, or never; its port."""
        with running([self.stalls, 'serve', str(every_ms), '0'], stdout=subprocess.PIPE, text=True) as process:
            yield process.stdout.readline().strip()

    @contextlib.contextmanager
    def program(self, *arguments, before=()):
        """It is ready, and waits for a line: the process that was started, and the program's number."""
        command = [*before, self.stalls, *map(str, arguments)]
        with running(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            yield process, process.stdout.readline().strip()

    @contextlib.contextmanager
    def watcher(self, pid, **limits):
        """Of that program, which it knows already."""
        options = [f'--{name}={seconds}s' for name, seconds in limits.items()]
        with running([self.command, *options, '--log=off', '--attach', str(pid)], env=environment(),
                     stderr=subprocess.DEVNULL) as process:
            time.sleep(1)
            yield process

    # Processor time and memory

    def held(self, state, count, limit):
        """With as many connections: the watcher's share in percent, its memory, and the program's processor time in ns."""
        every_ms = limit * 1000 // 2 if state == 'refused' else 0
        with self.peer(every_ms) as port, self.program('hold', state, count, '127.0.0.1', port) as (process, pid), \
                self.watcher(pid, send=limit) as watcher:
            go_on(process)
            time.sleep(SETTLED)
            began, before, its = time.monotonic(), processor_seconds(watcher.pid), processor_seconds(int(pid))
            time.sleep(SECONDS[limit])
            share = 100 * (processor_seconds(watcher.pid) - before) / (time.monotonic() - began)
            return share, private_bytes(watcher.pid), round(1e9 * (processor_seconds(int(pid)) - its))

    def held_rows(self):
        """The longest limit first, which costs least."""
        for state, name in STATES.items():
            for limit, goals in SHARES.items():
                memory = {}
                for count, goal in goals.items():
                    self.tell(f'{connections(count)}, {name}, T = {limit} s')
                    share, memory[count], its_ns = self.held(state, count, limit)
                    yield Row(f"watcher's processor time, {connections(count)}, {name}, T = {limit} s, %", goal, None, share,
                              share <= goal)
                    if state == 'idle' and count == max(goals):
                        yield Row(f"the watched program's processor time meanwhile, {connections(count)}, T = {limit} s, ns",
                                  0, None, its_ns, its_ns == 0)
                few, many = min(memory), max(memory)
                each = (memory[many] - memory[few]) / (many - few)
                yield Row(f"watcher's memory, bytes a connection, {name}, T = {limit} s", BYTES_A_CONNECTION, None, each,
                          each <= BYTES_A_CONNECTION)

    # What the program feels

    def close_rows(self):
        """Every second of them full, bare and watched in turn."""
        kinds = (Preload('bare'), Preload('watched'))
        self.tell(f'{CLOSE_ROUNDS * CLOSES} closes')
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(self.peer(DRAINED_MS))
            processes = {}
            for kind in kinds:
                processes[kind.name], pid = stack.enter_context(self.program('close', CLOSE_ROUNDS, CLOSES, '127.0.0.1', port))
                if kind.name == 'watched':
                    stack.enter_context(self.watcher(pid, send=2))
            measured = in_turn(kinds, CLOSE_ROUNDS, lambda kind: [float(ns) for ns in answer(processes[kind.name]).split()])
        bare, ours = (sorted(ns for values in measured[kind.name] for ns in values) for kind in kinds)
        middle, ours_middle = statistics.median(bare), statistics.median(ours)
        yield Row(f'close() of {len(ours):,} connections, median, ns', None, middle, ours_middle, ours_middle <= 1.1 * middle)
        yield Row('close(), p99, ns', None, percentile(bare, 99), percentile(ours, 99), True)
        yield Row('close(), the longest, ns', None, bare[-1], ours[-1], True)

    def traced(self, watched):
        """The system calls of a program that has connections for some seconds, as strace counts them."""
        with self.peer(0) as port, tempfile.NamedTemporaryFile('r') as out:
            before = ('strace', '-f', '-c', '-o', out.name)
            with self.program('hold', 'idle', TRACED, '127.0.0.1', port, before=before) as (process, pid), \
                    self.watcher(pid, send=2) if watched else contextlib.nullcontext():
                # One that it waits for, and one to end it.
                for _ in range(2):
                    go_on(process)
                    time.sleep(SETTLED)
                process.wait()
            return int(re.search(r'^100\.00 +\S+ +\S+ +(\d+)(?: +\d+)? total$', out.read(), re.M)[1])

    def trace_rows(self):
        """Exact."""
        self.tell('system calls of the watched program')
        bare, ours = self.traced(False), self.traced(True)
        yield Row('system calls added to a program that is watched', 0, bare, ours - bare, ours == bare)

    # How late

    @staticmethod
    def lateness(lines, limit):
        """Sorted, in percent of the limit, and how many were told by a reset."""
        told = [line.split() for line in lines]
        late = sorted((float(ms) / 1000 - limit) * 100 / limit for ms, _ in told)
        return late, sum(int(error) == errno.ECONNRESET for _, error in told)

    def told(self, process, pid, before=None, **limits):
        """What a program says that stalls from now on."""
        with self.watcher(pid, **limits):
            if before:
                before()
            go_on(process)
            return process.stdout.read().splitlines()

    def shut(self, kind, limit):
        """By a peer that does not read."""
        with self.peer(0) as port, self.program('late', kind, self.late, '127.0.0.1', port) as (process, pid):
            return self.told(process, pid, send=limit)

    def cut(self, kind, limit):
        """By a link that loses all from now on."""
        with tempfile.NamedTemporaryFile('w') as control:
            def lose():
                control.write('all')
                control.flush()
                time.sleep(LOST_BY)
            stalls = shlex.quote(self.stalls)
            command = [sys.executable, str(PEERS / 'delayline.py'), '--delay', '0.005', '--control', control.name,
                       f'{stalls} late {kind} {self.late} 10.9.0.2 {CUT_PORT}', f'{stalls} serve 0 {CUT_PORT}']
            with running(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
                # The peer says its port first.
                process.stdout.readline()
                return self.told(process, process.stdout.readline().strip(), lose, send=limit)

    def hole(self, kind, limit):
        """By a listener whose queue is full."""
        with socket.create_server(('127.0.0.1', 0), backlog=0) as listener:
            held = fill(listener)
            with self.program('connect', kind, self.late, '127.0.0.1', listener.getsockname()[1]) as (process, pid):
                lines = self.told(process, pid, connect=limit)
            for one in held:
                one.close()
        return lines

    def late_row_pair(self, what, limit, goals, groups):
        """The half, and 99 of 100, of all groups together."""
        late, resets, notes = [], 0, []
        for kind, lines in groups:
            its, reset = self.lateness(lines, limit)
            late, resets = sorted(late + its), resets + reset
            notes.append(f'{kind} {statistics.median(its):.1f}, {percentile(its, 99):.1f}, {its[-1]:.1f}')
        note = f"{len(late)}, {resets} by a reset, from {late[0]:.1f} to {late[-1]:.1f} %; p50, p99, most: {'; '.join(notes)}"
        for percent, goal in goals:
            value = percentile(late, percent)
            yield Row(f'lateness of {what}, p{percent}, % of {limit} s', goal, None, value, value <= goal, {}, '<=', note)

    def late_rows(self):
        """With both cores busy."""
        possible = subprocess.run([sys.executable, str(PEERS / 'delayline.py'), '--possible'], check=False).returncode == 0
        stalls = (('a stall, window shut', self.shut, ('blocking', 'poll', 'epoll')),
                  *((('a stall, link cut', self.cut, ('blocking', 'poll', 'epoll')),) if possible else ()))
        spin = [sys.executable, '-c', 'while True: pass']
        with running(spin), running(spin):
            for limit in LATE_LIMITS:
                for what, make, kinds in stalls:
                    self.tell(f'lateness of {what}, T = {limit} s')
                    goals = (50, LATE_P50), (99, max(LATE_P99, LATE_LEAST_MS / 10 / limit))
                    yield from self.late_row_pair(what, limit, goals, [(kind, make(kind, limit)) for kind in kinds])
                self.tell(f'lateness of a connect, T = {limit} s')
                groups = [(kind, self.hole(kind, limit)) for kind in ('blocking', 'poll')]
                yield from self.late_row_pair('a connect', limit, ((50, LATE_CONNECT), (99, LATE_CONNECT)), groups)

    def rows(self):
        """All of them."""
        yield from self.trace_rows()
        yield from self.close_rows()
        yield from self.late_rows()
        yield from self.held_rows()
