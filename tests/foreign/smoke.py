#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uploads of Python's requests on an emulated machine: smoke.py COMMAND..., which runs a program of that machine.

A peer that reads gets all of it, with the library and without; with a peer that stops, the upload ends by the limit, and
without the library it does not. (qemu-user hands on four bytes of TCP_INFO: what is seen there is the queue.) Prints what
happened; the exit status is how many were not as they should be.
"""
import hashlib
import socket
import subprocess
import sys
import threading
import time

LIMIT_S = 4
SIZE = 24 << 20
CLIENT = f'''
import hashlib, requests, time
data = bytes(range(256)) * ({SIZE} // 256)
began = time.monotonic()
try:
    print(requests.post('http://127.0.0.1:%d/', data=data).text, hashlib.sha256(data).hexdigest())
except requests.exceptions.RequestException as error:
    print(type(error).__name__, round(time.monotonic() - began, 1))
'''


def serve(listener, stalls):
    """One request: all of it, a bit slower than it comes, or the first part alone."""
    peer = listener.accept()[0]
    head = b''
    while b'\r\n\r\n' not in head:
        head += peer.recv(1)
    digest, left = hashlib.sha256(), SIZE
    while left and not (stalls and left < SIZE - (1 << 20)):
        part = peer.recv(min(left, 1 << 16))
        if not part:
            return
        digest.update(part)
        left -= len(part)
        time.sleep(0.005)
    if stalls:
        time.sleep(300)
    said = digest.hexdigest().encode()
    peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' % (len(said), said))
    peer.close()


def upload(command, stalls, library):
    """What the client said, what was told, and how long it took; None: it hung."""
    listener = socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=serve, args=(listener, stalls), daemon=True).start()
    settings = ['-E', 'LD_PRELOAD=/libsndtimeo.so', '-E', f'SNDTIMEO_SEND={LIMIT_S}', '-E', 'SNDTIMEO_CONNECT=10'] if library else []
    try:
        ran = subprocess.run([*command, *settings, '/usr/bin/python3', '-c', CLIENT % listener.getsockname()[1]],
                             capture_output=True, text=True, timeout=60 if stalls and not library else 240)
    except subprocess.TimeoutExpired:
        return None, ''
    return ran.stdout.split(), ran.stderr.strip()


def main():
    wrong = 0
    for stalls, library in ((False, False), (False, True), (True, False), (True, True)):
        said, told = upload(sys.argv[1:], stalls, library)
        if not stalls:
            right = said is not None and len(said) == 2 and said[0] == said[1] and 'timed out' not in told
        elif not library:
            right = said is None
        else:
            right = (said is not None and len(said) == 2 and said[0] in ('ConnectionError', 'Timeout') and
                     LIMIT_S - 0.5 <= float(said[1]) < LIMIT_S + 10 and 'timed out after' in told)
        wrong += not right
        print('ok:' if right else 'wrong:', 'stalls' if stalls else 'healthy', 'limited' if library else 'bare', said, told)
    return wrong


if __name__ == '__main__':
    sys.exit(main())
