# SPDX-License-Identifier: MIT
"""Takes whatever comes until the client has said all, and then, without TLS, tells how much that was and its digest."""
import hashlib
import socket
import ssl
import threading
import time

from tcp_info import was_reset

OPENING = 0
TALKS = True
TALK_SECONDS = 0.02


class Sink:
    def __init__(self, place):
        self.place = place
        self.taken = []
        self.context = place.server_context() if place.tls else None
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        digest, length = hashlib.sha256(), 0
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
            talked = time.monotonic()
            while data := connection.recv(65536):
                digest.update(data)
                length += len(data)
                # In this thread, because OpenSSL lets no two use one connection.
                if self.place.talks and time.monotonic() - talked > TALK_SECONDS:
                    talked = time.monotonic()
                    connection.sendall(b'.')
        except ssl.SSLEOFError:
            # To Python before 3.13 a reset looks like an end, too (gh-115627); the kernel knows.
            if was_reset(connection):
                return
        except OSError:
            return   # cut short: not an upload
        # In good order: half an upload that ends so would pass for a whole one.
        if length:
            self.taken.append((length, digest.hexdigest()))
        try:
            if self.context:
                connection.unwrap()
            else:
                connection.sendall(b'%d %s\n' % (length, digest.hexdigest().encode()))
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass   # it does not want to know
        connection.close()

    def received(self):
        return self.taken

    def stop(self):
        self.listener.close()


start = Sink
