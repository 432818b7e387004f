# SPDX-License-Identifier: MIT
"""An HTTP server that takes uploads by PUT and POST, keeps connections alive, and tells the digest of what it got."""
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from servers import upload

OPENING = 0
TALKS = True
TALK_SECONDS = 0.02


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def setup(self):
        if self.server.context:
            # In the connection's own thread: a client that is slow to shake hands must hold up no other.
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self):
        self.answer(200, b'hello\n')

    def do_HEAD(self):
        self.answer(200, b'')

    def do_PUT(self):
        self.talked = time.monotonic()
        taken = upload.of(file_in_form(self.read_body(), self.headers.get('Content-Type', '')))
        self.server.taken.append(taken)
        self.answer(201, ('%d %s\n' % taken).encode())

    do_POST = do_PUT

    def read_body(self):
        if 'chunked' in self.headers.get('Transfer-Encoding', ''):
            body = bytearray()
            while size := int(self.rfile.readline().split(b';')[0], 16):
                body += self.read_exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return bytes(body)
        return self.read_exactly(int(self.headers.get('Content-Length', 0)))

    def read_exactly(self, size):
        body = bytearray()
        while len(body) < size:
            data = self.rfile.read1(min(65536, size - len(body)))
            if not data:
                raise ConnectionError('the client ended in the middle of an upload')
            body += data
            if self.server.place.talks and time.monotonic() - self.talked > TALK_SECONDS:
                # As often as RFC 9110 lets a server.
                self.talked = time.monotonic()
                self.wfile.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        return bytes(body)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def file_in_form(body, kind):
    """The file in a multipart form of one part; anything else as it is."""
    boundary = re.search(r'multipart/form-data.*boundary="?([^";]+)', kind)
    if not boundary:
        return body
    _, _, rest = body.partition(b'\r\n\r\n')
    return rest.rpartition(b'\r\n--' + boundary[1].encode() + b'--')[0]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16
    handler = Handler

    def __init__(self, place):
        super().__init__(('127.0.0.1', 0), self.handler)
        self.place = place
        self.taken = []
        self.context = place.server_context() if place.tls else None
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass   # a client that ends in the middle is what these scenes are about

    def received(self):
        return self.taken

    def stop(self):
        self.shutdown()


start = Server
