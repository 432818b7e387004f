# SPDX-License-Identifier: MIT
"""What is counted exactly: instructions (callgrind), system calls (strace), private memory and bytes of the library."""
import re
import subprocess
import tempfile
from pathlib import Path

from measure.table import Row
from measure.tools import LIMITS, Preload, environment

FEW, MANY = 1000, 11000
SYSTEM_FEW, SYSTEM_MANY = 10, 110

# Kind of call, its elements, and the most instructions that may be added.
CALLS = (
    ('send', 1, 14), ('write', 1, 16), ('write-file', 1, 16), ('write-pipe', 1, 16),
    ('sendmsg', 1, 24 + 4), ('sendmsg', 8, 24 + 4 * 8), ('writev', 1, 24 + 4), ('writev', 8, 24 + 4 * 8),
    ('recv', 1, 12), ('read', 1, 12), ('read-file', 1, 12),
    ('poll', 1, 12 + 4), ('poll', 8, 12 + 4 * 8), ('epoll_wait', 1, 14),
)
# glibc's sendto() saves two arguments more than its send() where there are threads, and ours calls the former.
THREADS_GOALS = {'send': 14 + 4}
# epoll_wait in a program with threads is one that another thread may be refused a send in, and is bounded for that.
ALONE_ONLY = {'epoll_wait'}

SYSTEM_CALLS = (
    ('send', 'a complete send', 0), ('write', 'a complete write', 0), ('sendmsg', 'a complete sendmsg', 0),
    ('connect', 'a blocking connect', 6),
    ('connect-nonblocking', 'a non-blocking connect, until the first byte is sent', 6),
    ('accept', 'an accepted connection, until the first byte is sent', 0),
    ('loop', "an event loop's epoll_wait and send that do not block", 0),
    ('poll-and-send', "a synchronous writer's poll and send that do not block", 1),
)


def instructions(command, env):
    """What callgrind counts from the first instruction of a program to its last."""
    run = subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', *command], env=env,
                         capture_output=True, text=True, check=True)
    return int(re.search(r'Collected : (\d+)', run.stderr)[1])


def system_calls(command, preload, more=None, said=b''):
    """What strace counts in a program that is SAID something, and its children; only these run with the library."""
    with tempfile.NamedTemporaryFile('r') as out:
        given = [f'-E{name}={value}' for name, value in preload.variables(more).items()]
        subprocess.run(['strace', '-f', '-c', '-o', out.name, *given, *command], env=environment(), check=True,
                       input=said, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return int(re.search(r'^100\.00 +\S+ +\S+ +(\d+)(?: +\d+)? total$', out.read(), re.M)[1])


def per_call(count, few, many):
    """What one call costs of what COUNT tells of a number of them; a float only if it is no whole number."""
    cost = (count(many) - count(few)) / (many - few)
    return round(cost) if abs(cost - round(cost)) < 0.01 else cost


class Counts:
    """The exact rows, for one build."""

    def __init__(self, build, tell):
        self.calls = str(build / 'tests/bench/calls')
        self.empty = Preload('an empty library', str(build / '.libs/libempty.so'))
        self.ours = Preload('ours', str(build / '.libs/libsndtimeo.so'), LIMITS)
        self.inert = Preload('inert', self.ours.library)
        self.bare = Preload('bare')
        self.tell = tell

    def added_instructions(self, kind, elements, preload, *threads):
        """To one call of KIND."""
        def count(preload):
            return per_call(lambda calls: instructions([self.calls, kind, str(calls), str(elements), *threads],
                                                       environment(preload)), FEW, MANY)
        bare = count(self.bare)
        return bare, count(preload) - bare

    def instruction_rows(self, peers):
        """One row for each kind of call, in a program with one thread and in one with two."""
        for kind, elements, goal in CALLS:
            for threads in ((), ('threads',)):
                if threads and kind in ALONE_ONLY:
                    continue
                name = f'instructions added to {kind}' + (f' of {elements}' if elements > 1 else '') + (
                    ', with threads' if threads else '')
                self.tell(name)
                bare, ours = self.added_instructions(kind, elements, self.ours, *threads)
                goal = THREADS_GOALS.get(kind, goal) if threads else goal
                theirs = {} if threads else {peer.name: self.peer_cost(kind, elements, peer, bare) for peer in peers}
                yield Row(name, goal, bare, ours, ours <= goal, theirs, '<=')

    def peer_cost(self, kind, elements, peer, bare):
        """What another library adds, or None where the program does not run with it."""
        try:
            cost = per_call(lambda calls: instructions([self.calls, kind, str(calls), str(elements)],
                                                       environment(peer)), FEW, MANY) - bare
        except subprocess.CalledProcessError:
            return None
        return cost

    def system_call_rows(self):
        """What is added to the system calls of a connection's life."""
        for kind, name, goal in SYSTEM_CALLS:
            self.tell(f'system calls added to {name}')

            def count(preload, kind=kind):
                return per_call(lambda calls: system_calls([self.calls, kind, str(calls)], preload),
                                SYSTEM_FEW, SYSTEM_MANY)
            bare = count(self.bare)
            ours = count(self.ours) - bare
            yield Row(f'system calls added to {name}', goal, bare, ours, ours <= goal, {}, '<=')

    def start_rows(self):
        """What a program pays that does nothing else."""
        base = instructions(['true'], environment(self.empty))
        for name, preload, goal in (('with limits', self.ours, 60000), ('inert', self.inert, 30000)):
            self.tell(f'start-up {name}')
            added = instructions(['true'], environment(preload)) - base
            yield Row(f'instructions added to `true`, {name}', goal, base, added, added <= goal, {}, '<=')

    def private_kib(self, preload):
        """What a program has for itself that made a connection and sent. Others have the library's code in common with
        it, so one of them runs meanwhile."""
        first = subprocess.Popen([self.calls, 'hold', '1'], env=environment(preload), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        second = subprocess.Popen([self.calls, 'hold', '1'], env=environment(preload), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            for process in (first, second):
                process.stdout.readline()
            mappings = Path(f'/proc/{second.pid}/smaps').read_text(encoding='utf-8')
        finally:
            for process in (first, second):
                process.communicate()
        # The stack begins at a random place in its page, so it is a page more or less by chance.
        mappings = re.sub(r'^\S+ \S+ \S+ \S+ \S+ +\[stack\]\n(?:[A-Z]\w+:.*\n)+', '', mappings, flags=re.M)
        return sum(int(kib) for kib in re.findall(r'^Private_(?:Clean|Dirty): +(\d+)', mappings, re.M))

    def size_rows(self):
        """Memory and bytes."""
        self.tell('private memory and size')
        # Pages that were just written by the linker count as a process' own until they are on the disk.
        subprocess.run(['sync', self.ours.library, self.empty.library], check=True)
        bare, ours = (min(self.private_kib(preload) for _ in range(3)) for preload in (self.bare, self.ours))
        yield Row('private memory added to a program that connected and sent, KiB', 16, bare, ours - bare, ours - bare <= 16, {}, '<=')
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(['strip', '-o', stripped.name, self.ours.library], check=True)
            file_size = Path(stripped.name).stat().st_size
            sections = subprocess.run(['size', stripped.name], capture_output=True, text=True, check=True).stdout
        loaded = sum(int(word) for word in sections.splitlines()[1].split()[:2])
        yield Row('size of the library, stripped, bytes', 65536, None, file_size, file_size <= 65536, {}, '<=',
                  f'text and data {loaded:,} (size)')
