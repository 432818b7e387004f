# SPDX-License-Identifier: MIT
"""The peers that examples talk to: threads with a socket each, on loopback."""
import socket
import threading
import time

# After how long a late peer begins to read: more than the 2 s that the examples with one wait for.
LATE_SECONDS = 2.7


class Peer:
    """A listening socket, and what becomes of who connects to it: 'reads' it all and answers; 'stalls' and never reads;
    is 'late' and then reads; is 'silent' and answers no SYN."""

    def __init__(self, kind):
        self.kind = kind
        self.held = []
        self.listener = socket.socket()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(0 if kind == 'silent' else 16)
        self.port = self.listener.getsockname()[1]
        if kind == 'silent':
            self.fill()
        else:
            threading.Thread(target=self.accept, daemon=True).start()

    def fill(self):
        """Connect until the accept queue is full: from then on the kernel drops every SYN."""
        while True:
            self.held.append(socket.socket())
            self.held[-1].settimeout(0.2)
            try:
                self.held[-1].connect(('127.0.0.1', self.port))
            except TimeoutError:
                self.held.pop().close()
                return

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            if self.kind in ('reads', 'late'):
                threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        if self.kind == 'late':
            time.sleep(LATE_SECONDS)
        try:
            while connection.recv(1 << 16):
                pass
            connection.sendall(b'+')
        except OSError:
            pass   # the example ended

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()
