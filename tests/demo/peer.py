#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The other end of an upload, healthy or not: it reads at a given rate, never reads, or never answers a SYN.

Prints one JSON line when clients may come ({"port": N}) and one when it ends, by itself or by SIGTERM: what it knows of
the connection. The times in it are CLOCK_MONOTONIC, which processes share.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [HERE, os.path.join(HERE, '..', 'peers')]

from blackhole import fill
from load import waited
from tcp_info import queued, since_last_data

# However the demo ends, nothing it started outlives it by much.
LONGEST_LIFE_SECONDS = 300


class Report:
    """What the peer knows of the connection; told once."""

    def __init__(self):
        self.known = {}
        self.length = 0
        self.digest = hashlib.sha256()
        self.telling = False
        self.waited_before = waited()

    def stop(self, *_):
        """SIGTERM: end, unless the end has come by itself just now."""
        if not self.telling:
            sys.exit()

    def saw(self, event, ago=0):
        self.known[event] = time.monotonic() - ago
        # For so long there was no processor to see it with.
        self.known['peer_waited'] = round(waited() - self.waited_before, 3)

    def take(self, data):
        self.length += len(data)
        self.digest.update(data)

    def tell(self):
        print(json.dumps({**self.known, 'length': self.length, 'sha256': self.digest.hexdigest()}), flush=True)


class Upload:
    """The HTTP side: reads requests no faster than it is told, and keeps count of the file in a POST."""

    def __init__(self, connection, bytes_per_second, report):
        self.connection = connection
        self.rate = bytes_per_second
        self.report = report

    def serve(self):
        while True:
            head, rest = self.read_head()
            if not head:
                return
            if head.startswith(b'POST'):
                self.read_form(head, rest)
                self.answer(b'201 Created')
            else:
                self.answer(b'200 OK')

    def read_head(self):
        """Return the request's head, and what came of its body in the same packets; nothing if the client left."""
        data = b''
        while b'\r\n\r\n' not in data:
            chunk = self.connection.recv(65536)
            if not chunk:
                return b'', b''
            data += chunk
        head, _, rest = data.partition(b'\r\n\r\n')
        return head, rest

    def read_form(self, head, data):
        """Read a multipart body of one file. Its own head is small; of its tail only the length matters."""
        left = int(re.search(rb'(?i)content-length: (\d+)', head)[1])
        boundary = re.search(rb'(?i)boundary=(\S+)', head)[1]
        tail = len(b'\r\n--' + boundary + b'--\r\n')
        while b'\r\n\r\n' not in data:
            data += self.receive(left - len(data))
        part_head, _, data = data.partition(b'\r\n\r\n')
        left -= len(part_head) + len(b'\r\n\r\n') + tail
        self.report.take(data[:left])
        surplus = len(data[left:])
        self.read_file(left)
        while surplus < tail:
            surplus += len(self.receive(tail - surplus))

    def read_file(self, size):
        began = time.monotonic()
        while self.report.length < size:
            if self.rate:
                due = began + self.report.length / self.rate
                time.sleep(max(0, due - time.monotonic()))
            self.report.take(self.receive(min(size - self.report.length, self.chunk_size())))

    def chunk_size(self):
        """A tenth of a second's worth, so that a slow peer reads steadily, in many small steps."""
        return min(65536, self.rate // 10) if self.rate else 65536

    def receive(self, most):
        data = self.connection.recv(most)
        if not data:
            raise ConnectionError('the client ended in the middle of the upload')
        return data

    def answer(self, status):
        self.connection.sendall(b'HTTP/1.1 ' + status + b'\r\nContent-Length: 0\r\n\r\n')


def hold(connection, report):
    """Never read. The peer's last progress is the moment its receive queue last grew: the program reads nothing, but
    its kernel acknowledges bytes until the queue is full. The kernel says when that was: this process may be late."""
    most = 0
    while True:
        now = queued(connection)
        if now > most:
            most = now
            report.saw('progress', ago=since_last_data(connection))
        time.sleep(0.01)


def accept(listener, certificate):
    connection, _ = listener.accept()
    # Small answers must not wait for an acknowledgement that the far end of a delayed link delays further.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        connection = context.wrap_socket(connection, server_side=True)
    return connection


def serve_one(listener, options, report):
    try:
        connection = accept(listener, options.certificate)
        report.saw('accepted')
        if options.silent:
            hold(connection, report)
        Upload(connection, options.rate, report).serve()
    except OSError as error:
        report.known['broken'] = str(error)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--address', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--certificate', help='a PEM file with key and certificate: talk TLS')
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument('--rate', type=int, default=0, help='bytes per second to read; 0: as they come')
    kind.add_argument('--silent', action='store_true', help='accept, shake hands if TLS, never read')
    kind.add_argument('--blackhole', action='store_true', help='answer no SYN')
    return parser.parse_args()


def main():
    options = parse_options()
    report = Report()
    signal.signal(signal.SIGTERM, report.stop)
    signal.alarm(LONGEST_LIFE_SECONDS)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.address, options.port))
    listener.listen(0 if options.blackhole else 8)
    filling = fill(listener) if options.blackhole else []
    print(json.dumps({'port': listener.getsockname()[1]}), flush=True)
    try:
        while filling:
            signal.pause()
        serve_one(listener, options, report)
    finally:
        # Nothing may come between the two: a call is where Python lets a signal in.
        report.telling = True
        report.tell()


if __name__ == '__main__':
    main()
