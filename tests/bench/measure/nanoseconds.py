# SPDX-License-Identifier: MIT
"""What a call costs as a user feels it: the time of one that makes no system call, with the library and without."""
import contextlib
import subprocess

from measure.rounds import MEASURED, answer, in_turn, running
from measure.table import Row
from measure.tools import Preload, environment

CALLS = 20000
# The place of a process' pages is chance, and worth some tenths: so there is more than one of each.
PROCESSES, ROUNDS = 16, 40

# Kind of call, what it is, and the most nanoseconds that may be added: with limits, inert.
KINDS = (
    ('write-file', 'write() to a file', 2, 2), ('read-file', 'read() from a file', 2, 2),
    ('send-unix', 'send() to a unix socket', 2, 2), ('recv-unix', 'recv() from a unix socket', 2, 2),
    ('poll-pipe', 'poll() of a pipe', 2, 2),
    ('send', 'a complete send()', 5, 2), ('write', 'a complete write()', 5, 2), ('sendmsg', 'a complete sendmsg()', 5, 2),
    ('writev', 'a complete writev()', 5, 2), ('recv', 'recv() on a connection', 5, 2),
    ('poll', 'poll() for reading of a connection', 5, 2),
)


class Nanoseconds:
    """The rows of one build. BESIDE is another library to compare with, or None."""

    def __init__(self, build, ours, beside, tell):
        self.command = [str(build / 'tests/bench/nanoseconds'), str(CALLS)]
        stub = str(build / '.libs/libstub.so')
        self.preloads = [Preload('bare', stub)]
        libraries = [library for library in (ours, beside) if library]
        self.names = [library.name for library in libraries]
        for library in libraries:
            behind = f'{library.library}:{stub}'
            self.preloads += [Preload(library.name, behind, library.settings), Preload(f'{library.name}, inert', behind)]
        self.tell = tell

    def least(self):
        """Of each preload, the least that each kind took: nothing makes a call cheaper than it is."""
        found = {preload.name: {} for preload in self.preloads}
        for number in range(PROCESSES):
            self.tell(f'nanoseconds, {number + 1} of {PROCESSES}')
            with contextlib.ExitStack() as stack:
                processes = {preload.name: stack.enter_context(running(
                    self.command, env=environment(preload), stdout=subprocess.PIPE, text=True, preexec_fn=MEASURED))
                    for preload in self.preloads}
                names = {name: process.stdout.readline().split() for name, process in processes.items()}
                measured = in_turn(self.preloads, ROUNDS, lambda preload, p=processes: [
                    float(word) for word in answer(p[preload.name]).split()])
            for name, rounds in measured.items():
                for kind, times in zip(names[name], zip(*rounds)):
                    found[name][kind] = min(*times, found[name].get(kind, times[0]))
        return found

    def rows(self):
        """With limits, and with nothing set."""
        found = self.least()
        for setting in (0, 1):
            suffix = ', inert' if setting else ''
            for kind, what, *goals in KINDS:
                bare = found['bare'][kind]
                added, *theirs = (round(found[name + suffix][kind] - bare, 1) + 0.0 for name in self.names)
                theirs = dict(zip(self.names[1:], theirs))
                yield Row(f'ns added to {what}{suffix}', goals[setting], bare, added, added <= goals[setting], theirs,
                          digits=1)
