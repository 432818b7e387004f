# SPDX-License-Identifier: MIT
"""Peers of programs/sender.c, on loopback."""
import contextlib
import socket
import subprocess
import threading
import time

import place

PATTERN = bytes((i * 7 + i // 256) % 256 for i in range(65536))
HEALTHY, PAUSING, STALLED = 'healthy', 'pausing', 'stalled'
# The buffers hold the rest, so that the sender has to wait at each pause.
BYTES = 3_000_000
BUFFER = 65536
BETWEEN_PAUSES = 500_000
PAUSE_SECONDS = 0.7


class Peer:
    """One connection: reads all, or pauses again and again, or never reads. `answer` speaks first, if there is one."""

    def __init__(self, kind, answer=None):
        self.kind = kind
        self.answer = answer
        self.got = 0
        self.good = True
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.port = self.listener.getsockname()[1]
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):   # a reset: what it got says the rest
            self.take(self.listener.accept()[0])

    def take(self, connection):
        if self.answer:
            self.answer(connection)
        while self.kind != STALLED:
            data = connection.recv(min(len(PATTERN) - self.got % len(PATTERN), 16384))
            if not data:
                break
            at = self.got % len(PATTERN)
            self.good = self.good and data == PATTERN[at:at + len(data)]
            if self.kind == PAUSING and (self.got + len(data)) // BETWEEN_PAUSES > self.got // BETWEEN_PAUSES:
                time.sleep(PAUSE_SECONDS)
            self.got += len(data)
        self.done.wait()
        connection.close()

    def finish(self):
        self.done.set()

    def expect_whole(self, here, size=BYTES):
        deadline = time.monotonic() + 5
        while self.got < size and time.monotonic() < deadline:
            time.sleep(0.01)
        here.expect(self.got == size and self.good, 'the peer got %d of %d bytes, %s'
                    % (self.got, size, 'as they were' if self.good else 'and other ones'))


class Crowd:
    """Any number of connections, each read to its end, which has to be one in good order."""

    def __init__(self):
        self.count = self.got = 0
        self.defects = []
        self.lock = threading.Lock()
        self.left = 0
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection = self.listener.accept()[0]
            with self.lock:
                self.count += 1
                self.left += 1
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        got, defect = 0, None
        try:
            while data := connection.recv(min(len(PATTERN) - got % len(PATTERN), 65536)):
                at = got % len(PATTERN)
                if data != PATTERN[at:at + len(data)]:
                    defect = 'other bytes'
                got += len(data)
        except OSError as error:
            defect = str(error)
        connection.close()
        with self.lock:
            self.left -= 1
            self.got += got
            if defect:
                self.defects.append('%s after %d bytes' % (defect, got))

    def expect_whole(self, here, size):
        deadline = time.monotonic() + 10
        # Some may not be accepted yet.
        while (self.left or self.got < size) and not self.defects and time.monotonic() < deadline:
            time.sleep(0.01)
        here.expect(not self.defects and self.got == size, 'of %d bytes in %d connections %d arrived: %s'
                    % (size, self.count, self.got, ', '.join(self.defects[:5])))


def expect_whole(here, argv_of, kind=HEALTHY, answer=None, **how):
    """Run argv_of(address, port, bytes), which sends to a peer that takes everything. Returns what the program said."""
    here.step = 'a %s peer' % kind
    peer = Peer(kind, answer)
    done = here.run(argv_of('127.0.0.1', str(peer.port), str(BYTES)), **how)
    peer.expect_whole(here)
    peer.finish()
    here.expect('sent %d\n' % BYTES in done.stdout, done.stdout[-2000:])
    return done.stdout


def expect_end(here, argv_of, seconds, most, answer=None, **how):
    """Run it with a peer that never reads. It has to end after so many seconds, but bare does not."""
    here.step = 'a stalled peer'
    peer = Peer(STALLED, answer)
    limited = here.limited()
    began = time.monotonic()
    try:
        done = here.run(argv_of('127.0.0.1', str(peer.port), '30000000'), seconds=most if limited else seconds + 1,
                        succeeds=False, **how)
    except subprocess.TimeoutExpired:
        here.expect(not limited, 'it still sends after %.0f s' % most)
        return ''
    took = time.monotonic() - began
    here.expect(limited, 'it ended after %.1f s: %s' % (took, done.stdout[-2000:]))
    here.expect('send: Connection timed out' in done.stdout and took >= seconds * 0.95,
                'it ended after %.1f s: %s' % (took, done.stdout[-2000:]))
    return done.stdout
