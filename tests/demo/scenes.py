# SPDX-License-Identifier: MIT
"""The table that the demo plays: who is at the other end, which timeout the program asks for, and what must come of it,
bare and under sndtimeo.
"""
from dataclasses import dataclass
from typing import Union

MB = 1000 * 1000


@dataclass(frozen=True)
class Numbers:
    """The times and sizes of one way to play the table, in seconds, bytes and bytes per second."""
    connect_deadline: float
    send_timeout: float
    short: int             # the connect number of the example's timeout=(1, 50)
    long: int              # the connect number of timeout=(30, 50)
    read: int              # the read number of both
    hangs: float           # still waiting after this long counts as hanging
    healthy_size: int
    healthy_rate: int
    slow_size: int
    slow_rate: int
    idle: float            # longer than the send timeout, or the scene would prove nothing
    far_size: int
    late: float            # how late a send timeout or a program's own timeout may be, where nothing else runs
    connect_late: float    # how late a connect deadline may be
    seen_late: float       # how late a peer may see what its kernel has done, which makes a timeout seem early


FULL = Numbers(connect_deadline=2, send_timeout=4, short=1, long=30, read=50, hangs=15,
               healthy_size=100 * MB, healthy_rate=10 * MB, slow_size=6 * MB, slow_rate=MB // 10,
               idle=6, far_size=20 * MB, late=0.3, connect_late=0.3, seen_late=0.15)

# The short timeout stays at 1 s, because the library takes a shorter wait for a tick and leaves it alone; so both limits
# must be longer than 1 s to be told from it. Other tests run at the same time, so the tolerances are as wide as they can
# be without taking one limit for the next longer one.
QUICK = Numbers(connect_deadline=1.5, send_timeout=2, short=1, long=5, read=50, hangs=4,
                healthy_size=40 * MB, healthy_rate=10 * MB, slow_size=6 * MB, slow_rate=MB // 2,
                idle=2.5, far_size=6 * MB, late=0.9, connect_late=0.9, seen_late=0.5)

SILENT_SIZE = 20 * MB
BLACKHOLE_SIZE = 64 * 1024
EARLY = 0.02   # how early a timeout may be, as a part of it
OVERTIME = 15  # how long past its expected end a scene may run before it is given up


@dataclass(frozen=True)
class Answered:
    """201, and the peer has the whole file."""
    seconds: float
    clock: str = 'began'

    def patience(self):
        return self.seconds + OVERTIME

    def fits(self, outcome):
        return outcome.status == 201 and outcome.complete

    def __str__(self):
        return '201 and every byte'


@dataclass(frozen=True)
class Fails:
    """One of these exceptions, with this in its first cause, so long after a moment (see Outcome.seconds), give or
    take what it may be late, how late that moment may have been noticed, and how busy the machine was."""
    errors: tuple
    cause: str
    seconds: float
    late: float
    clock: str
    seen_late: float = 0

    def patience(self):
        return self.seconds + OVERTIME

    def fits(self, outcome):
        early = EARLY * self.seconds + self.seen_late
        return (outcome.error in self.errors and self.cause in outcome.cause
                and -early - outcome.busy <= outcome.seconds(self.clock) - self.seconds <= self.late + outcome.busy)

    def __str__(self):
        return '%s%s %g s (at most %+g s) after %s' % (
            ' or '.join(self.errors), self.cause and " '%s'" % self.cause, self.seconds, self.late, self.clock)


@dataclass(frozen=True)
class Hangs:
    """Still waiting when patience ends."""
    seconds: float
    clock: str = 'began'

    def patience(self):
        return self.seconds

    def fits(self, outcome):
        return outcome.waiting

    def __str__(self):
        return 'still waiting after %g s' % self.seconds


Expectation = Union[Answered, Fails, Hangs]


@dataclass(frozen=True)
class Scene:
    """One row of the table."""
    peer: str                 # what is at the other end, in words
    arguments: tuple          # the same for peer.py
    size: int                 # bytes in the file
    timeout: object           # what requests is given
    bare: Expectation
    under: Expectation
    tls: bool = False
    idle: float = 0           # seconds that a Session rests before the upload
    far: bool = False         # the peer is a delayed link away
    lane: str = ''            # scenes of one lane are played one after the other

    @property
    def protocol(self):
        return 'https' if self.tls else 'http'

    @property
    def name(self):
        return '%s, %s, timeout=%s' % (self.peer, self.protocol, self.timeout)


def healthy(n, tls):
    seconds = n.healthy_size / n.healthy_rate
    return Scene('peer reads %d MB/s, upload of %d MB' % (n.healthy_rate // MB, n.healthy_size // MB),
                 ('--rate', str(n.healthy_rate)), n.healthy_size, (n.short, n.read),
                 Fails(('ConnectionError',), 'timed out', n.short, n.late, 'accepted', n.seen_late), Answered(seconds),
                 # The heaviest, in processor time and memory: one at a time, or they disturb the others' clocks.
                 tls=tls, lane='heavy')


def silent(n, timeout, bare, under, tls):
    return Scene('peer accepts and never reads', ('--silent',), SILENT_SIZE, timeout, bare, under, tls=tls)


def silent_without_timeout(n, tls):
    # Over TLS, CPython 3.10 to 3.12 reports an end of file for any error of a send (gh-115627).
    errors, cause = (('ConnectionError', 'SSLError'), '') if tls else (('ConnectionError',), 'timed out')
    return silent(n, None, Hangs(n.hangs), Fails(errors, cause, n.send_timeout, n.late, 'progress'), tls)


def silent_with_timeout(n, connect, tls):
    own_error = ('ConnectionError',), 'timed out'
    return silent(n, (connect, n.read), Fails(*own_error, connect, n.late, 'accepted', n.seen_late),
                  Fails(*own_error, n.send_timeout, n.late, 'progress'), tls)


def slow(n, timeout, bare, tls):
    return Scene('peer reads %d KB/s, upload of %d MB' % (n.slow_rate // 1000, n.slow_size // MB),
                 ('--rate', str(n.slow_rate)), n.slow_size, timeout, bare, Answered(n.slow_size / n.slow_rate), tls=tls)


def slow_without_timeout(n, tls):
    return slow(n, None, Answered(n.slow_size / n.slow_rate), tls)


def slow_with_timeout(n, tls):
    return slow(n, (n.short, n.read), Fails(('ConnectionError',), 'timed out', n.short, n.late, 'accepted', n.seen_late), tls)


def idle_then_far(n, timeout):
    # Ten seconds are more than the link needs, and no clock is at stake.
    return Scene('peer is 100 ms away, Session idle for %g s, upload of %d MB' % (n.idle, n.far_size // MB),
                 (), n.far_size, timeout, Answered(n.idle + 10), Answered(n.idle + 10), idle=n.idle, far=True,
                 lane='link')


def blackhole(n, timeout, bare, seconds):
    return Scene('no peer answers (blackhole)', ('--blackhole',), BLACKHOLE_SIZE, timeout, bare,
                 Fails(('ConnectTimeout',), '', seconds, n.connect_late, 'began'))


def blackhole_with_timeout(n, connect):
    return blackhole(n, (connect, n.read), Fails(('ConnectTimeout',), '', connect, n.late, 'began'),
                     min(connect, n.connect_deadline))


def table(n):
    both = (False, True)
    return [
        *(healthy(n, tls) for tls in both),
        *(silent_without_timeout(n, tls) for tls in both),
        *(silent_with_timeout(n, connect, tls) for connect in (n.short, n.long) for tls in both),
        *(slow_without_timeout(n, tls) for tls in both),
        *(slow_with_timeout(n, tls) for tls in both),
        idle_then_far(n, None),
        idle_then_far(n, (n.long, n.read)),
        blackhole(n, None, Hangs(n.hangs), n.connect_deadline),
        blackhole_with_timeout(n, n.long),
        blackhole_with_timeout(n, n.short),
    ]
