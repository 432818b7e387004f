# SPDX-License-Identifier: MIT
"""What clients and servers under test have in common: how they are started, and how their wait is measured."""
import contextlib
import os
import shlex
import string

import client as clients
import network
from scenes import SCENES

SECONDS_BETWEEN_LOOKS = 0.02
# Of a bare program that waits for a peer that does nothing, this is enough to see: so many times the limit.
BARE_PATIENCE = 2.5
# When buffers have filled and the wait has begun.
SETTLED_SECONDS = 0.4


class Job:
    def __init__(self, job):
        self.job = job
        self.scene = SCENES[job['scene']]
        self.client = clients.read(job['client'])
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
        if not self.job['under']:
            return []
        limits = [word for name, value in self.scene.limits.items() for word in ('--' + name, str(value))]
        return [self.job['launcher'], *limits, '--log', os.path.join(self.job['folder'], 'log'), '--']

    def log(self):
        with contextlib.suppress(OSError), \
                open(os.path.join(self.job['folder'], 'log'), encoding='utf-8', errors='replace') as f:
            return f.read()[:4000]
        return ''


class Meter:
    """The processor time a program takes to wait, once that has begun, until the limit should end it."""

    def __init__(self, running, limit):
        self.running = running
        self.limit = limit
        self.first = self.last = None

    def look(self, seconds):
        """So long after the stall began."""
        if self.first is None and seconds > SETTLED_SECONDS:
            self.first = self.running.cpu()
        if self.first is not None and seconds < self.limit:
            self.last = self.running.cpu()

    def used(self):
        return 0 if self.last is None else max(0, self.last - self.first)
