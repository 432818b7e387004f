# SPDX-License-Identifier: MIT
"""A server under test, as a sender: the runner is the client that asks it for a file and stops reading."""
import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from dataclasses import replace

from gate import Reader
from job import BARE_PATIENCE, SECONDS_BETWEEN_LOOKS, Job, Meter, Seldom
from process import Running
from scenes import ENDS, IDLE_SECONDS, SAME
from servers import upload

LISTEN, TIME_WAIT = '0A', '06'
START_SECONDS = 20
# What a handshake, or an answer to the next client, may take.
ANSWER_SECONDS = 10
# What a server may take to tell its log of an end.
TELL_SECONDS = 0.3
# Where the server has a network for itself any port is free.
OWN_PORT = 8080


class Pull(Job):
    """What cell.Cell is to clients. What it got counts as the upload, what the server serves next as its status."""

    def __init__(self, job):
        super().__init__(job)
        self.host = self.net.near_host() if self.scene.delay else self.net.host
        self.port = OWN_PORT if self.scene.delay else self.free_port()
        self.resume = threading.Event()
        self.body = b''

    def free_port(self):
        with contextlib.closing(self.net.listen(0)) as listener:
            return listener.getsockname()[1]

    def environment(self):
        return {**self.common_environment(self.host, self.port), 'CERTIFICATE': self.job['certificate'],
                'KEY': self.job['key']}

    def start(self):
        """The server, once it listens."""
        with open(os.path.join(self.job['folder'], 'small'), 'w', encoding='ascii') as f:
            f.write('hello\n')
        environment = self.environment()
        running = Running(self.argv(environment), environment, self.job['folder'], self.net.enter)
        deadline = running.began + START_SECONDS
        here = in_proc(self.host, self.port)
        while not any(local == here and state == LISTEN for local, _, state in running.sockets()):
            if running.over() or time.monotonic() > deadline:
                running.end()
                raise RuntimeError('the server does not listen: ' + running.said())
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return running

    def connect(self, rcvbuf=0):
        connection = self.net.connect(self.port, rcvbuf)
        connection.settimeout(ANSWER_SECONDS)
        channel = Channel(connection, self.job['certificate'] if self.job['tls'] else None)
        connection.settimeout(None)
        return channel

    def run(self):
        scene = self.scene
        running = self.start()
        try:
            channel = self.connect(scene.script.rcvbuf)
            if scene.idle:
                channel.small()
                time.sleep(IDLE_SECONDS)
            if scene.loses and scene.stops < 0:
                self.net.lose(scene.loses)
            script = replace(scene.script, stop_after=scene.stops)
            reader = Reader(channel.connection, script, self.when_stopped, self.resume)
            began = time.monotonic()
            # An answer that is never acknowledged leaves the server waiting for the next request.
            if scene.loses == 'data':
                channel.ask(b'small')
            else:
                channel.ask(b'payload', b'Connection: close\r\n')
            puller = threading.Thread(target=self.pull, args=(channel, reader), daemon=True)
            puller.start()
            seen = self.watch(running, reader, puller, began)
            if scene.loses:
                self.net.lose('')
            served = self.serves_on(running)
            time.sleep(TELL_SECONDS)
            self.resume.set()
            puller.join(2)
            whole = [list(upload.of(self.body))] if reader.end == 'eof' else []
            return {**seen, 'status': 0 if served else 1, 'tries': 0, 'output': running.said(), 'log': self.log(),
                    'whole': time.monotonic() - began, 'connections': [reader.account()], 'received': whole}
        finally:
            running.end()
            self.net.stop()

    def pull(self, channel, reader):
        """Everything that comes, until it ends."""
        data = b''.join(channel.plain(piece) for piece in reader.pieces())
        self.body = data.partition(b'\r\n\r\n')[2]

    def patience(self, stalled):
        """How long to wait from the stall, or from the request as long as there is none."""
        if self.scene.expects != ENDS or not stalled:
            return self.scene.patience
        return self.scene.seconds + 5 if self.limited else BARE_PATIENCE * self.scene.seconds

    def stall(self, reader):
        """When the wait began that has to end by the limit, as far as is known."""
        if self.scene.stops < 0:
            return self.net.lost_at
        if self.scene.loses and reader.progress is not None:
            return max(reader.progress, self.net.lost_at or 0)
        return reader.progress

    def watch(self, running, reader, puller, began):
        """Until the server's end of the connection is gone or all has come."""
        meter = Meter(running, self.scene.seconds)
        limited, looks = self.scene.expects != SAME, Seldom(0.1)
        theirs = in_proc(self.host, self.port)
        ours = in_proc(*reader.connection.getsockname()[:2])
        while True:
            stalled = self.stall(reader)
            over = not puller.is_alive() or limited and looks.due() and not any(
                (local, remote) == (theirs, ours) and state != TIME_WAIT for local, remote, state in running.sockets())
            now = time.monotonic()
            seconds = now - (began if stalled is None else stalled)
            if stalled is not None:
                meter.look(seconds)
            if over or seconds > self.patience(stalled is not None):
                return {'waits': not over, 'seconds': seconds, 'stalled': stalled is not None,
                        'cpu': meter.used()}
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def serves_on(self, running):
        """Whether the server is there for others, too."""
        if running.over():
            return False
        try:
            channel = self.connect()
            with contextlib.closing(channel.connection):
                channel.connection.settimeout(ANSWER_SECONDS)
                channel.small()
            return True
        except OSError:
            return False


def in_proc(host, port):
    """An address as /proc/net/tcp has it: words of the machine's own byte order."""
    packed = socket.inet_pton(socket.AF_INET6 if ':' in host else socket.AF_INET, host)
    return ''.join('%08X' % word for word, in struct.iter_unpack('=I', packed)) + ':%04X' % port


class Channel:
    """A connection to a server, with TLS if there is a certificate to trust. What is read of the socket is the reader's
    affair: OpenSSL would read a record of 16 KB at once and then nothing for as long as that lasts."""

    def __init__(self, connection, certificate):
        self.connection = connection
        self.tls = None
        if certificate:
            context = ssl.create_default_context(cafile=certificate)
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname='localhost')
            self.shake_hands()

    def shake_hands(self):
        done = False
        while not done:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                done = True
            self.connection.sendall(self.outgoing.read())
            if not done:
                self.incoming.write(self.receive())

    def receive(self):
        data = self.connection.recv(65536)
        if not data:
            raise ConnectionError('the server ended the connection')
        return data

    def send(self, data):
        if self.tls:
            self.tls.write(data)
            data = self.outgoing.read()
        self.connection.sendall(data)

    def plain(self, piece):
        """What a piece that was read of the socket completes."""
        if not self.tls:
            return piece
        self.incoming.write(piece)
        data = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError):
            while more := self.tls.read(65536):
                data += more
        return bytes(data)

    def ask(self, name, more=b''):
        self.send(b'GET /%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n' % (name, more))

    def small(self):
        """Ask for the small file and wait for it."""
        self.ask(b'small')
        data = b''
        while b'hello\n' not in data:
            data += self.plain(self.receive())
