# SPDX-License-Identifier: MIT
"""A gate in front of a real server: it hands on what a client sends as fast or as slowly as its script says, stops
reading, goes on, and knows what came through and how each connection ended. So every protocol meets the same bad peers.

Two threads for each connection. The times are CLOCK_MONOTONIC.
"""
import contextlib
import hashlib
import socket
import struct
import threading
import time
from dataclasses import dataclass

from tcp_info import queued, since_last_data, was_reset

MOST_AT_ONCE = 65536
SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True)
class Script:
    """How a gate reads what clients send. By default as fast as it can."""
    rcvbuf: int = 0                # SO_RCVBUF of its sockets; 0: the kernel's own
    chunk: int = MOST_AT_ONCE      # reads so much at most, then waits `pause`
    pause: float = 0
    stop_after: int = -1           # reads no more of a connection after so many bytes; -1: never stops
    resume_after: float = 0        # goes on so long after the first connection was stopped; 0: only when told to


def reset(connection):
    """Close with a reset, whatever is in flight."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    # A thread that sleeps in recv() holds the socket open: shutdown wakes it, and close() then resets.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()


class Reader:
    """Reads one connection as a script says, and keeps count of what came."""

    def __init__(self, connection, script, stopped, resume):
        self.connection = connection
        self.script = script
        self.stopped = stopped      # called when this connection is stopped
        self.resume = resume        # an Event
        self.length = 0
        self.digest = hashlib.sha256()
        self.opened = time.monotonic()
        self.stopped_at = None      # when it stopped reading
        self.progress = None        # when the kernel last took anything of a stopped one
        self.end = 'open'           # 'eof', 'reset' or another error's name, once it is known
        self.said_no_more = False   # whether our side of it was ended in good order

    def pieces(self):
        """What comes, in pieces, until the connection ends."""
        try:
            while True:
                self.stop_if_due()
                data = self.connection.recv(self.most())
                if not data:
                    # The kernel tells of a reset once, and a thread that sends may be the one to hear it. Whose own side
                    # is ended finds a closed connection after a clean end, too.
                    self.end = 'reset' if was_reset(self.connection) and not self.said_no_more else 'eof'
                    return
                self.length += len(data)
                self.digest.update(data)
                yield data
                if self.script.pause and not self.resume.is_set():
                    self.resume.wait(self.script.pause)
        except ConnectionResetError:
            self.end = 'reset'
        except OSError as error:
            self.end = error.strerror or str(error)

    def most(self):
        if self.resume.is_set():
            return MOST_AT_ONCE
        if self.script.stop_after < 0:
            return self.script.chunk
        return min(self.script.chunk, max(1, self.script.stop_after - self.length))

    def stop_if_due(self):
        """Stand still once enough has come. The kernel goes on taking data until its queue is full, so the last
        progress is when that last grew: the kernel says when, for this thread may be late."""
        if self.resume.is_set() or not 0 <= self.script.stop_after <= self.length:
            return
        self.progress = self.stopped_at = time.monotonic()
        self.stopped()
        if self.script.resume_after:
            timer = threading.Timer(self.script.resume_after, self.resume.set)
            timer.daemon = True
            timer.start()
        most = 0
        while not self.resume.wait(SECONDS_BETWEEN_LOOKS):
            now = queued(self.connection)
            if now > most:
                most = now
                self.progress = max(self.progress, time.monotonic() - since_last_data(self.connection))

    def account(self):
        return {'length': self.length, 'sha256': self.digest.hexdigest(), 'opened': self.opened,
                'stopped_at': self.stopped_at, 'progress': self.progress, 'end': self.end}


class Gate:
    """Hands connections of its listeners on to a server; (listener, (address, port)) for each."""

    def __init__(self, ways, script, stopped=lambda: None):
        self.script = script
        self.stopped = stopped   # called when a connection is stopped, in its thread
        self.resume = threading.Event()
        self.readers = []
        self.threads = []
        self.listeners = [listener for listener, _ in ways]
        for listener, server in ways:
            threading.Thread(target=self.accept, args=(listener, server), daemon=True).start()

    def accept(self, listener, server):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            reader = Reader(client, self.script, self.stopped, self.resume)
            self.readers.append(reader)
            try:
                onward = socket.create_connection(server)
            except OSError as error:
                reader.end = 'no server: %s' % error
                reset(client)
                continue
            for end in client, onward:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for job in (self.hand_on, reader, onward), (self.hand_back, onward, reader):
                thread = threading.Thread(target=job[0], args=job[1:], daemon=True)
                thread.start()
                self.threads.append(thread)

    def hand_on(self, reader, onward):
        """From the client to the server, and then in what way the client ended."""
        for data in reader.pieces():
            try:
                onward.sendall(data)
            except OSError:
                # The server has ended the connection: what the client goes on to send is refused, as it would there.
                reader.end = 'refused'
                reset(reader.connection)
                return
        if reader.end == 'eof':
            with contextlib.suppress(OSError):
                onward.shutdown(socket.SHUT_WR)
        else:
            reset(onward)

    @staticmethod
    def hand_back(onward, reader):
        """From the server to the client."""
        client = reader.connection
        try:
            while data := onward.recv(MOST_AT_ONCE):
                client.sendall(data)
            reader.said_no_more = True
            client.shutdown(socket.SHUT_WR)
        except ConnectionResetError:
            reset(client)
        except OSError:
            pass   # the client has ended, which the other thread sees

    def finish(self, seconds):
        """Read all there is, at full speed, for so long; then account for every connection."""
        self.resume.set()
        deadline = time.monotonic() + seconds
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in list(self.threads):
            thread.join(max(0, deadline - time.monotonic()))
        return [reader.account() for reader in self.readers]
