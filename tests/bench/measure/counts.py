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
SIZE_MOST = 144 * 1024

# Kind of call, its elements, the most instructions that may be added, and in which programs: with one thread or two, and
# with nothing set.
NOT_COVERED, COVERED, WAIT, INERT = 9, 32, 16, 9
ALONE, THREADS, NOTHING_SET = '', ', with threads', ', inert'
CALLS = (
    *((kind, 1, NOT_COVERED, (ALONE,)) for kind in (
        'write-file', 'write-pipe', 'write-unix', 'write-udp', 'send-unix', 'send-udp',
        'read-file', 'read-pipe', 'read-unix', 'read-udp', 'recv-unix', 'recv-udp')),
    *((kind, 1, COVERED, (ALONE,)) for kind in ('send', 'write')),
    # write() is glibc's send() there, which saves more of its arguments.
    *((kind, 1, COVERED + 6, (THREADS,)) for kind in ('send', 'write')),
    # These add up their parts, or are another call to us.
    *((kind, 1, COVERED + 24, (ALONE, THREADS)) for kind in ('sendto', 'sendmsg', 'writev')),
    *((kind, 8, COVERED + 24 + 4 * 7, (ALONE,)) for kind in ('sendmsg', 'writev')),
    *((kind, 1, WAIT, (ALONE, THREADS)) for kind in ('poll',)),
    *((kind, 1, 24, (ALONE, THREADS)) for kind in ('recv', 'read')),
    ('poll', 8, 112, (ALONE,)),
    # In a program with threads it is bounded, because another thread may be refused a send meanwhile.
    ('epoll_wait', 1, WAIT, (ALONE,)),
    *((kind, 1, INERT, (NOTHING_SET,)) for kind in ('send', 'write', 'recv', 'read')),
)

# With limits, and with nothing set.
SYSTEM_CALLS = (
    ('send', 'a complete send', 0, 0), ('write', 'a complete write', 0, 0), ('sendto', 'a complete sendto', 0, 0),
    ('sendmsg', 'a complete sendmsg', 0, 0), ('writev', 'a complete writev', 0, 0),
    ('sendfile', 'a complete sendfile that would not wait', 0, 0),
    ('sendfile-blocking', 'a complete sendfile that would', 2, 0),
    ('socket', 'a socket() and its close()', 0, 0),
    ('connect', 'a blocking connect, from socket() to close()', 6, 0),
    ('connect-nonblocking', 'a non-blocking connect, from socket() over the first byte to close()', 6, 0),
    ('accept', 'an accepted connection, from accept() over the first byte to close()', 0, 0),
    ('loop', "an event loop's epoll_wait and send that do not block", 0, 0),
    ('poll-and-send', "a synchronous writer's poll and send that do not block", 2, 0),
)
# From the start of a send that finds no room to the first wait of its own.
BEFORE_A_WAIT = 8
WAITING_SENDS = 3
A_WAIT = re.compile(r'p?poll\w*\(\[.*?\], \d+, (?!\{tv_sec=0, tv_nsec=0\}|0\))')


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


def most_before_a_wait(command, preload):
    """The system calls of a send in a program that marks its sends, up to the ppoll that waits for room: of several sends, the
    most. None where the kernel waits in the send itself, as for a library that does not take care of the socket."""
    with tempfile.NamedTemporaryFile('r') as out:
        given = [f'-E{name}={value}' for name, value in preload.variables().items()]
        subprocess.run(['strace', '-o', out.name, *given, *command], env=environment(), check=True)
        sends = re.findall(r'write\(-1, "send", 4\).*\n((?:.*\n)*?)write\(-1, "sent", 4\)', out.read())
    counts = []
    for calls in (re.findall(r'^\w+\(.*', send, re.M) for send in sends):
        counts.append(next((number for number, call in enumerate(calls) if A_WAIT.match(call)), None))
    return None if None in counts else max(counts)


def per_call(count, few, many):
    """What one call costs of what COUNT tells of a number of them; a float only if it is no whole number."""
    cost = (count(many) - count(few)) / (many - few)
    return round(cost) if abs(cost - round(cost)) < 0.01 else cost


class Counts:
    """The exact rows, for one build."""

    def __init__(self, build, library, tell):
        self.calls = str(build / 'tests/bench/calls')
        self.empty = Preload('an empty library', str(build / '.libs/libempty.so'))
        self.ours = Preload('ours', str(library), LIMITS)
        self.inert = Preload('inert', self.ours.library)
        self.bare = Preload('bare')
        self.tell = tell

    def instructions_of(self, kind, elements, preload, *threads):
        """One call of KIND."""
        return per_call(lambda calls: instructions([self.calls, kind, str(calls), str(elements), *threads],
                                                   environment(preload)), FEW, MANY)

    def instruction_rows(self, peers):
        """One row for each kind of call and of program."""
        for kind, elements, goal, programs in CALLS:
            for program in programs:
                name = f'instructions added to {kind}' + (f' of {elements}' if elements > 1 else '') + program
                self.tell(name)
                threads = ('threads',) if program == THREADS else ()
                bare = self.instructions_of(kind, elements, self.bare, *threads)
                ours = self.inert if program == NOTHING_SET else self.ours
                added = self.instructions_of(kind, elements, ours, *threads) - bare
                theirs = {peer.name: self.peer_cost(kind, elements, peer, bare) for peer in peers} if program == ALONE else {}
                yield Row(name, goal, bare, added, added <= goal, theirs)

    def peer_cost(self, kind, elements, peer, bare):
        """What another library adds, or None where the program does not run with it."""
        try:
            return self.instructions_of(kind, elements, peer) - bare
        except subprocess.CalledProcessError:
            return None

    def system_call_rows(self, beside):
        """What is added to the system calls of a connection's life, and BESIDE it by another library, or None."""
        def count(kind, preload):
            return per_call(lambda calls: system_calls([self.calls, kind, str(calls)], preload), SYSTEM_FEW, SYSTEM_MANY)
        for kind, name, *goals in SYSTEM_CALLS:
            self.tell(f'system calls added to {name}')
            bare = count(kind, self.bare)
            theirs = {beside.name: count(kind, beside) - bare} if beside else {}
            for preload, goal, peers in ((self.ours, goals[0], theirs), (self.inert, goals[1], {})):
                added = count(kind, preload) - bare
                yield Row(f'system calls added to {name}' + (NOTHING_SET if preload is self.inert else ''), goal, bare,
                          added, added <= goal, peers)
        self.tell('system calls before a wait')
        command = [self.calls, 'send-waiting', str(WAITING_SENDS)]
        bare, ours = (most_before_a_wait(command, preload) for preload in (self.bare, self.ours))
        yield Row('system calls of a send that has to wait, before it waits', BEFORE_A_WAIT, bare, ours,
                  ours is not None and ours <= BEFORE_A_WAIT, {beside.name: most_before_a_wait(command, beside)} if beside else {})

    def start_rows(self):
        """What a program pays that does nothing else."""
        base = instructions(['true'], environment(self.empty))
        for name, preload, goal in (('with limits', self.ours, 60000), ('inert', self.inert, 30000)):
            self.tell(f'start-up {name}')
            added = instructions(['true'], environment(preload)) - base
            yield Row(f'instructions added to `true`, {name}', goal, base, added, added <= goal)

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
        yield Row('private memory added to a program that connected and sent, KiB', 20, bare, ours - bare, ours - bare <= 20)
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(['strip', '-o', stripped.name, self.ours.library], check=True)
            file_size = Path(stripped.name).stat().st_size
            sections = subprocess.run(['size', stripped.name], capture_output=True, text=True, check=True).stdout
        loaded = sum(int(word) for word in sections.splitlines()[1].split()[:2])
        yield Row('size of the library, stripped, bytes', SIZE_MOST, None, file_size, file_size <= SIZE_MOST,
                  note=f'text and data {loaded:,} (size)')
