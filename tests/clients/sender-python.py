# Client: Python http.server
# Package: python3
# Needs: python3
# Role: sender
# Server: pull
# TLS: yes
# Ends: 0 TimeoutError|SSLEOFError
# Ends 11: 0
# Note: over TLS it says nothing of an idle connection that failed (SSLSocket's suppress_ragged_eofs)
# Skips 1: it does not connect
# Skips 9: a client that reads a file has nothing to say meanwhile
import http.server
import os
import socket
import ssl


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def translate_path(self, path):
        return os.environ['PAYLOAD'] if path == '/payload' else os.path.join(os.environ['FOLDER'], 'small')


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ':' in os.environ['HOST'] else socket.AF_INET


server = Server((os.environ['HOST'], int(os.environ['PORT'])), Handler)
if os.environ['TLS']:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ['CERTIFICATE'], os.environ['KEY'])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
