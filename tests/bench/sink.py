# SPDX-License-Identifier: MIT
"""A web server that takes uploads as fast as it can and keeps nothing: sink.py [CERTIFICATE KEY]. Prints its port."""
import re
import socket
import ssl
import sys
import threading

AT_ONCE = 1 << 20
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'


def serve(connection, context):
    """One request: the head, as many bytes as it announces, the answer."""
    room = bytearray(AT_ONCE)
    with connection:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        head = b''
        while b'\r\n\r\n' not in head:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        head, rest = head.split(b'\r\n\r\n', 1)
        left = int(re.search(rb'(?i)content-length: *(\d+)', head)[1]) - len(rest)
        while left > 0:
            got = connection.recv_into(room)
            if not got:
                return
            left -= got
        connection.sendall(ANSWER)


def main():
    """Serve until the input ends."""
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, context), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


main()
