# SPDX-License-Identifier: MIT
"""A repository of restic's behind its REST protocol: what a backup in it holds counts as the upload."""
import contextlib
import json
import os
import subprocess

from servers import http, upload

# A client asks for the configuration and the keys, and puts its lock there.
OPENING = 4000
TALKS = False
PASSWORD = 'secret'


class Handler(http.Handler):
    @property
    def file(self):
        """Of the repository, as restic keeps it in a folder."""
        parts = self.path.strip('/').split('/')
        if parts[0] == 'data' and len(parts) > 1:
            parts.insert(1, parts[1][:2])
        return os.path.join(self.server.repository, *parts)

    def do_HEAD(self):
        if not os.path.isfile(self.file):
            self.answer(404, b'')
            return
        self.send_response(200)
        self.send_header('Content-Length', str(os.path.getsize(self.file)))
        self.end_headers()

    def do_GET(self):
        if self.path.endswith('/'):
            names = [name for _, _, files in os.walk(self.file) for name in files]
            self.answer(200, json.dumps(names).encode())
        elif not os.path.isfile(self.file):
            self.answer(404, b'')
        else:
            with open(self.file, 'rb') as f:
                self.answer(200, f.read())

    def do_POST(self):
        data = self.read_body()
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        with open(self.file, 'wb') as f:
            f.write(data)
        self.answer(200, b'')

    def do_DELETE(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file)
        self.answer(200, b'')


class Server(http.Server):
    handler = Handler

    def __init__(self, place):
        self.repository = os.path.join(place.folder, 'repository')
        self.restic('init')
        super().__init__(place)

    def restic(self, *words):
        environment = {**os.environ, 'RESTIC_PASSWORD': PASSWORD, 'RESTIC_REPOSITORY': self.repository}
        return subprocess.run(['restic', '--quiet', '--no-cache', '--no-lock', *words], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout

    def received(self):
        if not os.listdir(os.path.join(self.repository, 'snapshots')):
            return []
        return [upload.of(self.restic('dump', 'latest', 'payload'))]


start = Server


def environment(_):
    return {'RESTIC_PASSWORD': PASSWORD}
