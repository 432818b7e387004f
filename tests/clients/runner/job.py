# SPDX-License-Identifier: MIT
"""What clients and servers under test have in common: how they are started, and how their wait is measured."""
import contextlib
import os
import shlex
import string
import time

import client as clients
import network
from scenes import SCENES

SECONDS_BETWEEN_LOOKS = 0.02
# Looks that read much of /proc take the processor ten milliseconds or more.
SECONDS_BETWEEN_DEAR_LOOKS = 0.2
# Of a bare program that waits for a peer that does nothing, this is enough to see: so many times the limit.
BARE_PATIENCE = 2.5
# When buffers have filled and the wait has begun.
SETTLED_SECONDS = 0.4


class Job:
    def __init__(self, job):
        self.job = job
        self.scene = SCENES[job['scene']]
        self.client = clients.read(job['client'])
        self.limited = job['way'] != 'bare'
        self.net = network.make(self.scene, job['family'])

    def common_environment(self, host, port):
        job = self.job
        return {
            'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'HOME': job['folder'], 'TMPDIR': job['folder'],
            'FILE': job['client'], 'FOLDER': job['folder'], 'BUILT': job['built'], 'PAYLOAD': job['payload'],
            'HOST': host, 'LITERAL': '[%s]' % host if ':' in host else host, 'PORT': str(port),
            'TLS': 'yes' if job['tls'] else '',
        }

    def argv(self, environment):
        argv = [string.Template(word).safe_substitute(environment) for word in shlex.split(self.client.run_line())]
        return [*self.prefix(), *argv]

    def prefix(self):
        if not self.limited:
            return []
        limits = [word for name, value in self.scene.limits.items() for word in ('--' + name, str(value))]
        log = os.path.join(self.job['folder'], 'log')
        return [self.job['launcher'], '--' + self.job['way'], *limits, '--log', log, '--']

    def when_stopped(self):
        """The peer has stopped reading, or the network is cut then."""
        if self.scene.loses:
            self.net.lose(self.scene.loses)

    def log(self):
        with contextlib.suppress(OSError), \
                open(os.path.join(self.job['folder'], 'log'), encoding='utf-8', errors='replace') as f:
            return f.read()[:4000]
        return ''


class Seldom:
    """Tells when a look is due that is not to be had often."""

    def __init__(self, seconds=SECONDS_BETWEEN_DEAR_LOOKS):
        self.seconds = seconds
        self.last = 0

    def due(self):
        now = time.monotonic()
        if now < self.last + self.seconds:
            return False
        self.last = now
        return True


class Meter:
    """The processor time a program takes to wait, once that has begun, until the limit should end it."""

    def __init__(self, running, limit):
        self.running = running
        self.limit = limit
        self.first = self.last = None
        self.seldom = Seldom()

    def look(self, seconds):
        """So long after the stall began."""
        if SETTLED_SECONDS < seconds < self.limit and self.seldom.due():
            self.last = self.running.cpu()
            if self.first is None:
                self.first = self.last

    def used(self):
        return 0 if self.last is None else max(0, self.last - self.first)
