# SPDX-License-Identifier: MIT
"""A server under test, as a sender: the runner is the client that asks it for a file and stops reading."""
import contextlib
import hashlib
import os
import re
import shlex
import signal
import socket
import ssl
import string
import threading
import time

import client as clients
import network
from gate import Reader
from process import Running
from scenes import ENDS, IDLE_SECONDS, SCENES

SECONDS_BETWEEN_LOOKS = 0.02
LISTEN, TIME_WAIT = '0A', '06'
START_SECONDS = 20
BARE_PATIENCE = 2.5
SETTLED_SECONDS = 0.4


class Pull:
    """What cell.Cell is to clients."""

    def __init__(self, job):
        self.job = job
        self.scene = SCENES[job['scene']]
        self.client = clients.read(job['client'])
        self.net = network.make(self.scene, job['family'])
        self.resume = threading.Event()
        self.body = b''

    def environment(self, port):
        job = self.job
        host = self.net.near_host() if self.scene.delay else self.net.host
        return {
            'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'HOME': job['folder'], 'TMPDIR': job['folder'],
            'FILE': job['client'], 'FOLDER': job['folder'], 'BUILT': job['built'], 'PAYLOAD': job['payload'],
            'HOST': host, 'PORT': str(port), 'CERTIFICATE': job['certificate'], 'KEY': job['key'],
            'LITERAL': '[%s]' % host if ':' in host else host, 'TLS': 'yes' if job['tls'] else '',
        }

    def free_port(self):
        """A port that is free now. Between two hosts any is."""
        if self.scene.delay:
            return 8080
        with contextlib.closing(network.listen(self.net.host, 0, 0, 1)) as listener:
            return listener.getsockname()[1]

    def prefix(self):
        if not self.job['under']:
            return []
        limits = [word for name, value in self.scene.limits.items() for word in ('--' + name, str(value))]
        return [self.job['launcher'], *limits, '--log', os.path.join(self.job['folder'], 'log'), '--']

    def connect(self, rcvbuf=0):
        connection = self.net.connect(self.port, rcvbuf)
        if self.job['tls']:
            context = ssl.create_default_context(cafile=self.job['certificate'])
            context.check_hostname = False
            connection = context.wrap_socket(connection)
        return connection

    def wait_until_listening(self, running):
        deadline = time.monotonic() + START_SECONDS
        ending = ':%04X' % self.port
        while not any(local.endswith(ending) and state == LISTEN for local, _, state in running.sockets()):
            if running.over() or time.monotonic() > deadline:
                raise RuntimeError('the server does not listen: ' + running.said())
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def request(self, connection, name, last):
        connection.sendall(b'GET /%s HTTP/1.1\r\nHost: here\r\n%s\r\n'
                           % (name, b'Connection: close\r\n' if last else b''))

    def small(self, connection, last):
        """Ask for the small file and wait for it."""
        self.request(connection, b'small', last)
        data = b''
        while b'hello\n' not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError('no small file')
            data += piece
        return data

    def pull(self, reader):
        """Everything that comes, until it ends."""
        data = bytearray()
        for piece in reader.pieces():
            data += piece
        self.body = bytes(data).partition(b'\r\n\r\n')[2]

    def run(self):
        scene = self.scene
        self.port = self.free_port()
        environment = self.environment(self.port)
        with open(os.path.join(self.job['folder'], 'small'), 'w') as f:
            f.write('hello\n')
        argv = [string.Template(word).safe_substitute(environment) for word in shlex.split(self.client.run_line())]
        running = Running([*self.prefix(), *argv], environment, self.job['folder'], self.net.enter, False)
        try:
            self.wait_until_listening(running)
            connection = self.connect(scene.script.rcvbuf)
            local = ':%04X' % connection.getsockname()[1]
            if scene.idle:
                self.small(connection, False)
                time.sleep(IDLE_SECONDS)
            if scene.loses and scene.stops < 0:
                self.net.lose(scene.loses)
            stop = 0 <= scene.stops
            script = scene.script.__class__(**{**vars(scene.script), 'stop_after': scene.stops if stop else -1})
            reader = Reader(connection, script, self.when_stopped, self.resume)
            began = time.monotonic()
            self.request(connection, b'payload' if not scene.loses == 'data' else b'small', True)
            puller = threading.Thread(target=self.pull, args=(reader,), daemon=True)
            puller.start()
            seen = self.watch(running, reader, puller, local, began)
            served = self.serves_on(running) if not scene.loses else True
            self.resume.set()
            puller.join(2)
            if not seen['waits'] and scene.expects == ENDS and not scene.loses and reader.end == 'open':
                reader.end = 'still open'
            whole = [[len(self.body), hashlib.sha256(self.body).hexdigest()]] if reader.end == 'eof' else []
            running.signal(signal.SIGTERM)
            time.sleep(0.3)
            return {**seen, 'status': 0 if served else 1, 'tries': 0, 'output': running.said(), 'log': self.log(),
                    'whole': seen['seconds'], 'connections': [reader.account()], 'received': whole}
        finally:
            running.end()
            self.net.stop()

    def when_stopped(self, _):
        if self.scene.loses:
            self.net.lose(self.scene.loses)
        if self.scene.script.resume_after:
            timer = threading.Timer(self.scene.script.resume_after, self.resume.set)
            timer.daemon = True
            timer.start()

    def watch(self, running, reader, puller, local, began):
        """Until the server's end of the connection is gone or all has come."""
        scene, settled, at_end, stalled = self.scene, None, None, None
        while True:
            now = time.monotonic()
            if scene.stops >= 0:
                stalled = reader.progress
            if scene.loses:
                stalled = self.net.lost_at
            start = began if stalled is None else stalled
            limited = scene.expects == ENDS
            patience = scene.patience
            if limited:
                patience = (scene.seconds + 4 if self.job['under'] else BARE_PATIENCE * scene.seconds) if stalled else 20
            if settled is None and now > start + SETTLED_SECONDS:
                settled = running.cpu()
            if now < start + scene.seconds + 1:
                at_end = running.cpu()
            gone = not any(remote.endswith(local) and state != TIME_WAIT for _, remote, state in running.sockets())
            over = gone if limited else not puller.is_alive()
            if over or now > start + patience:
                return {'waits': not over, 'seconds': now - start, 'stalled': stalled is not None,
                        'cpu': max(0, at_end - settled) if settled is not None and at_end is not None else 0}
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def serves_on(self, running):
        """Whether the server is there for others, too."""
        if running.over():
            return False
        try:
            connection = self.connect()
            connection.settimeout(5)
            self.small(connection, True)
            connection.close()
            return True
        except OSError:
            return False

    def log(self):
        with contextlib.suppress(OSError), open(os.path.join(self.job['folder'], 'log'), errors='replace') as f:
            return re.sub(r'\0', '', f.read()[:4000])
        return ''
