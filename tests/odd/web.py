# SPDX-License-Identifier: MIT
"""A server of pages, and of what they upload."""
import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, text, kind):
        body = text.encode()
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.lstrip('/') or 'index.html'
        if name not in self.server.pages:
            self.send_error(404)
            return
        self.answer(self.server.pages[name], 'text/javascript' if name.endswith('.js') else 'text/html')

    def do_POST(self):
        left, total = int(self.headers['Content-Length']), 0
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                return
            left -= len(data)
            total += sum(data)
        self.answer('%s bytes, sum %d' % (self.headers['Content-Length'], total), 'text/plain')

    def log_message(self, *_):
        pass


def serve(pages):
    """Returns its port. It ends with this process."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.pages = pages
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
