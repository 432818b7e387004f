# SPDX-License-Identifier: MIT
"""Take uploads at 10.9.0.2:8080, and take a break in each of so many seconds, once so many bytes are there: server.py BYTES SECONDS"""
import re
import socket
import sys
import time

pause_at, pause_s = int(sys.argv[1]), float(sys.argv[2])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('10.9.0.2', 8080))
listener.listen(5)
while True:
    connection = listener.accept()[0]
    head = b''
    while b'\r\n\r\n' not in head:
        head += connection.recv(65536)
    left = int(re.search(rb'(?i)content-length: (\d+)', head)[1]) - len(head.split(b'\r\n\r\n', 1)[1])
    got = 0
    while left > 0:
        data = connection.recv(65536)
        if not data:
            break
        left -= len(data)
        if pause_s and got < pause_at <= got + len(data):
            time.sleep(pause_s)
        got += len(data)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    connection.close()
