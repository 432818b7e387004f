# SPDX-License-Identifier: MIT
"""Redis, which keeps nothing: an upload is the key 'upload', a string, or a list of the upload's lines."""
import os
import subprocess

from servers import daemon, upload

OPENING = 0
# To every command of a pipe it answers at once.
TALKS = True


class Redis(daemon.Daemon):
    def __init__(self, place):
        self.place = place
        folder = os.path.join(place.folder, 'redis')
        os.mkdir(folder)
        super().__init__(folder, self.argv, lambda server: server.ask('PING') == b'PONG\n')

    def argv(self, port):
        ports = ['--port', str(port)]
        if self.place.tls:
            ports = ['--port', '0', '--tls-port', str(port), '--tls-cert-file', self.place.certificate,
                     '--tls-key-file', self.place.key, '--tls-auth-clients', 'no']
        return ['redis-server', '--bind', '127.0.0.1', *ports, '--save', '', '--appendonly', 'no']

    def ask(self, *command):
        """What redis-cli says of a command."""
        tls = ['--tls', '--cacert', self.place.certificate, '--sni', 'localhost'] if self.place.tls else []
        return subprocess.run(['redis-cli', '-h', '127.0.0.1', '-p', str(self.port), *tls, '--raw', *command],
                              stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout

    def received(self):
        kind = self.ask('TYPE', 'upload')
        if kind == b'none\n':
            return []
        # It says both with a newline more at the end.
        data = self.ask('LRANGE', 'upload', '0', '-1') if kind == b'list\n' else self.ask('GET', 'upload')[:-1]
        return [upload.of(data)]


start = Redis
