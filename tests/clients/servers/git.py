# SPDX-License-Identifier: MIT
"""A git repository that takes pushes over smart HTTP: git's own http-backend behind Python's server."""
import os
import subprocess

from process import die_with_parent
from servers import http, upload

# The server's greeting is asked for, a big push is tried with nothing in it, and its own headers come.
OPENING = 1500
TALKS = True

class Handler(http.Handler):
    def do_GET(self):
        self.git(b'')

    def do_POST(self):
        self.talked = 0
        self.git(self.read_body())

    def git(self, body):
        """What RFC 3875 says."""
        path, _, query = self.path.partition('?')
        environment = {
            'PATH': os.environ['PATH'], 'HOME': self.server.place.folder, 'GIT_CONFIG_NOSYSTEM': '1',
            'GIT_PROJECT_ROOT': self.server.root, 'GIT_HTTP_EXPORT_ALL': '1', 'REQUEST_METHOD': self.command,
            'PATH_INFO': path, 'QUERY_STRING': query, 'CONTENT_TYPE': self.headers.get('Content-Type', ''),
            'CONTENT_LENGTH': str(len(body)), 'HTTP_CONTENT_ENCODING': self.headers.get('Content-Encoding', ''),
            'GIT_PROTOCOL': self.headers.get('Git-Protocol', ''), 'REMOTE_ADDR': self.client_address[0],
        }
        done = subprocess.run([self.server.backend], input=body, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        head, _, answer = done.stdout.partition(b'\r\n\r\n')
        headers = dict(line.split(': ', 1) for line in head.decode().split('\r\n'))
        self.send_response(int(headers.pop('Status', '200').split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.Server):
    def __init__(self, place):
        self.root = os.path.join(place.folder, 'server')
        self.repository = os.path.join(self.root, 'repository.git')
        # Not by way of git, which would be its parent: it dies with its own.
        self.backend = os.path.join(git(place, '--exec-path').stdout.decode().strip(), 'git-http-backend')
        os.mkdir(self.root)
        git(place, 'init', '-q', '--bare', self.repository)
        git(place, '-C', self.repository, 'config', 'http.receivepack', 'true')
        super().__init__(place)
        self.RequestHandlerClass = Handler

    def received(self):
        """The file of the branch, if there is one: a push is whole or nothing."""
        done = git(self.place, '-C', self.repository, 'cat-file', 'blob', 'refs/heads/main:payload', check=False)
        return [] if done.returncode else [upload.of(done.stdout)]


def git(place, *arguments, check=True):
    environment = {'PATH': os.environ['PATH'], 'HOME': place.folder, 'GIT_CONFIG_NOSYSTEM': '1'}
    return subprocess.run(['git', *arguments], env=environment, capture_output=True, check=check,
                          preexec_fn=die_with_parent)


start = Server
