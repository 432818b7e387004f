# SPDX-License-Identifier: MIT
"""An FTP server (pyftpdlib) that takes uploads of anybody, in passive mode, at ports that the gate has, too."""
import errno
import logging
import os
import socket
import threading

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

from servers import upload
from tcp_info import was_reset

# More than a control connection carries, so that the one that is stopped is the data connection.
OPENING = 1000
TALKS = False
# Not where the gate listens: both need the same ports, which the client is told.
ADDRESS = '127.0.0.2'
# One for each transfer, as the one before may linger.
PASSIVE_PORTS = 4


class Data(DTPHandler):
    """To pyftpdlib a reset is an end of the file, too; the kernel knows."""

    def handle_close(self):
        if self.receive and not self._closed and was_reset(self.socket):
            self._resp = ('426 Transfer aborted.', logging.getLogger('pyftpdlib').debug)
            self.close()
        else:
            super().handle_close()


def free_ports(host, count):
    """Ports that are free at the server's address and at the gate's, unless that is another machine's, as it were."""
    ports, held = [], []
    while len(ports) < count:
        held.append(socket.create_server((ADDRESS, 0)))
        port = held[-1].getsockname()[1]
        try:
            held.append(socket.create_server((host, port), family=socket.AF_INET6 if ':' in host else socket.AF_INET))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
        ports.append(port)
    for listener in held:
        listener.close()
    return ports


class Server:
    address = ADDRESS

    def __init__(self, place):
        self.taken = []
        self.folder = os.path.join(place.folder, 'ftp')
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        logging.getLogger('pyftpdlib').setLevel(logging.CRITICAL)
        self.more_ports = free_ports(place.host, PASSIVE_PORTS)
        authorizer = DummyAuthorizer()
        authorizer.add_anonymous(self.folder, perm='elradfmwT', msg_login='hello', msg_quit='bye')
        handler = type('Handler', (FTPHandler,), {
            'authorizer': authorizer, 'banner': 'ready', 'dtp_handler': Data, 'passive_ports': self.more_ports,
            'masquerade_address': place.host if '.' in place.host else None, 'on_file_received': self.take})
        self.server = FTPServer((ADDRESS, 0), handler)
        self.port = self.server.address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={'handle_exit': False}, daemon=True).start()

    def take(self, path):
        self.taken.append(upload.of_file(path))

    def received(self):
        return self.taken

    def stop(self):
        self.server.close_all()


start = Server
