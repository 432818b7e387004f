#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one client once in one scene, bare or under sndtimeo one way, and print what was seen as one line of JSON.

check.py starts it, with everything it has to know as JSON in its first argument.
"""
import importlib
import json
import os
import signal
import ssl
import sys
import time
from dataclasses import replace

sys.dont_write_bytecode = True   # the source tree may be read-only, and is not ours to write to
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', '..', 'peers')]

import client as clients
import network
from blackhole import fill
from gate import Gate
from job import BARE_PATIENCE, SECONDS_BETWEEN_LOOKS, Job, Meter, Seldom
from process import Running, die_with_parent
from scenes import ENDS, IDLE_SECONDS
from sender import Pull

# How long a gate may take to see how connections ended.
AFTERWARDS_SECONDS = 2
# A TLS handshake passes before a peer stops reading; what little may come with it makes no difference.
TLS_OPENING = 2048


class Place:
    """What a server has to know."""

    def __init__(self, job, scene, net):
        self.folder = job['folder']
        self.certificate, self.key = job['certificate'], job['key']
        self.host = net.host
        self.tls = job['tls']
        self.talks = scene.talks
        self.payload = job['payload']

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def script_of(scene, client, tls, module):
    """The scene's script, its stop counted from where the protocol's opening ends."""
    if scene.stops < 0:
        return scene.script
    opening = max(int(client.get('Opening', scene.number, module.OPENING)), TLS_OPENING if tls else 0)
    return replace(scene.script, stop_after=opening + scene.stops)


class Cell(Job):
    def __init__(self, job):
        super().__init__(job)
        self.module = importlib.import_module('servers.' + self.client.server)
        self.gate = self.server = None
        self.extra = {}
        self.port = 0
        self.began = None      # of the stall
        self.queue = 0         # bytes the client has handed over and the peer has not taken, when that last grew
        self.filled = None     # and when that was
        self.queue_looks = Seldom()
        self.tries = set()
        self.connect_looks = Seldom(0.05)
        self.looked = None     # when it was last seen not to connect yet

    def open_ways(self):
        """Start the server and the gate before it."""
        job, scene = self.job, self.scene
        place = Place(job, scene, self.net)
        if hasattr(self.module, 'environment'):
            self.extra = self.module.environment(place)
        if scene.blackhole:
            listener = self.net.listen(0, backlog=0)
            self.held = listener, fill(listener)   # open for as long as the client is there
        else:
            self.server = self.module.start(place)
            script = script_of(scene, self.client, job['tls'], self.module)
            listener = self.net.listen(script.rcvbuf)
            address = getattr(self.server, 'address', '127.0.0.1')
            ways = [(listener, (address, self.server.port))]
            # Where the protocol tells a client of more ports, the gate has the same.
            ways += [(self.net.listen(script.rcvbuf, port), (address, port))
                     for port in getattr(self.server, 'more_ports', ())]
            if scene.loses and scene.stops < 0:
                self.net.lose(scene.loses)
            self.gate = Gate(ways, script, self.when_stopped)
        self.port = listener.getsockname()[1]

    def environment(self):
        job = self.job
        environment = self.common_environment(self.net.host, self.port)
        return {
            **environment, 'SIZE': str(self.scene.size), 'CA': job['certificate'],
            'FAMILY': str(job['family']), 'SCENE': str(self.scene.number),
            'IDLE': str(IDLE_SECONDS) if self.scene.idle and self.client.idles_by_itself else '',
            'URL': '%s://%s:%d/' % ('https' if job['tls'] else 'http', environment['LITERAL'], self.port), **self.extra,
        }

    def patience(self):
        """How long after the stall began the client is given up."""
        if self.scene.expects != ENDS:
            return self.scene.patience
        if not self.limited:
            return BARE_PATIENCE * self.scene.seconds
        return self.client.tries(self.scene) * (self.scene.seconds + 1) + 4

    def stall(self, running):
        """When the wait began that has to end by the limit, as far as is known."""
        if self.scene.blackhole:
            if not self.connect_looks.due():
                return
            now = time.monotonic()
            connecting = running.connecting(self.port)
            if connecting and not self.tries:
                self.began = self.looked or running.began
                self.connect_looks = Seldom()
            self.tries |= connecting
            self.looked = now
        elif self.scene.stops >= 0:
            moments = [reader.progress for reader in list(self.gate.readers) if reader.progress is not None]
            self.began = min(moments, default=None)
            if self.began is not None and self.scene.loses:
                self.began = max(self.began, self.net.lost_at or 0)
        elif self.scene.loses:
            self.began = self.net.lost_at

    def watch(self, running):
        """Until the client ends, or has had all the time it gets. Returns the processor time it took to wait."""
        meter = Meter(running, self.scene.seconds)
        stopped_it = resumed_it = False
        deadline = running.began + self.scene.patience
        while not running.over():
            now = time.monotonic()
            self.stall(running)
            if self.began is not None:
                self.follow_queue(running, now)
                deadline = self.began + self.patience()
                meter.look(now - self.began)
            if self.scene.idle and not self.client.idles_by_itself:
                if not stopped_it and self.gate.readers and self.gate.readers[0].length > self.rest_after():
                    stopped_it = now
                    running.signal(signal.SIGSTOP)
                elif stopped_it and not resumed_it and now > stopped_it + IDLE_SECONDS:
                    resumed_it = True
                    running.signal(signal.SIGCONT)
            if now > deadline:
                return None
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return meter.used()

    def follow_queue(self, running, now):
        """A slow client, as over TLS, fills its buffers well after the stall began, and waits only then."""
        if self.scene.blackhole or now > self.began + self.scene.seconds or not self.queue_looks.due():
            return
        queue = running.unacknowledged(self.port)
        if queue > self.queue:
            self.queue, self.filled = queue, now

    def rest_after(self):
        return max(self.module.OPENING, TLS_OPENING if self.job['tls'] else 0)

    def run(self):
        self.open_ways()
        environment = self.environment()
        running = Running(self.argv(environment), environment, self.job['folder'], self.net.enter)
        try:
            cpu = self.watch(running)
            ended = running.ended
            if ended is None:
                running.end()
            began = running.began if self.began is None else self.began
            filling = max(0, self.filled - began) if self.filled else 0
            return {
                'waits': ended is None, 'status': running.status(), 'cpu': cpu or 0,
                'filling': filling,
                'seconds': (ended or time.monotonic()) - began, 'whole': (ended or time.monotonic()) - running.began,
                'stalled': self.began is not None, 'tries': len(self.tries),
                'output': running.said(), 'log': self.log(), **self.afterwards(),
            }
        finally:
            running.end()
            if self.server:
                self.server.stop()
            self.net.stop()

    def afterwards(self):
        if not self.gate:
            return {'connections': [], 'received': []}
        # Of a dead network nothing more is known at the other end.
        dead = self.scene.loses != ''
        connections = self.gate.finish(0.1 if dead else AFTERWARDS_SECONDS)
        time.sleep(0.1)   # the server's own thread takes the last bytes
        return {'connections': connections, 'received': [list(one) for one in self.server.received()]}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    die_with_parent(signal.SIGTERM)
    job = json.loads(sys.argv[1])
    client = clients.read(job['client'])
    kind = Pull if client.is_sender else Cell
    try:
        seen = kind(job).run()
    except network.delayline.Impossible as reason:
        seen = {'impossible': str(reason)}
    print(json.dumps(seen))
    # Threads that wait for peers, and servers' own, have nothing more to do.
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main()
