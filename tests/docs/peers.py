# SPDX-License-Identifier: MIT
"""The peers that examples talk to: threads with a socket each, on loopback."""
import os
import socket
import sys
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peers'))

from blackhole import fill

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
            self.held = fill(self.listener)
        else:
            threading.Thread(target=self.accept, daemon=True).start()

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
