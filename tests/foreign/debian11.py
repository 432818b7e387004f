# SPDX-License-Identifier: MIT
"""Scenes of debian11.sh, for the few modules of python3-minimal: debian11.py SCENE. Prints what happened, and after how
many seconds."""
import select
import socket
import sys
import threading
import time


def listener():
    made = socket.socket()
    made.bind(('127.0.0.1', 0))
    return made


def blackhole():
    """A listener that drops every SYN, because its queue is full. Returns what holds it full, too. (socket.timeout is no
    TimeoutError before Python 3.10.)"""
    full = listener()
    full.listen(0)
    held = []
    while True:
        held.append(socket.socket())
        held[-1].settimeout(0.2)
        try:
            held[-1].connect(full.getsockname())
        except socket.timeout:
            held.pop().close()
            return full, held


def connect(timeout):
    full, held = blackhole()
    began = time.monotonic()
    s = socket.socket()
    s.settimeout(timeout)
    try:
        s.connect(full.getsockname())
    finally:
        print(round(time.monotonic() - began, 2), len(held) > 0, end=' ')


def connect_and_poll():
    """As a program that does not block: what poll(2) and SO_ERROR say."""
    full, held = blackhole()
    began = time.monotonic()
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(full.getsockname())
    poll = select.poll()
    poll.register(s, select.POLLOUT)
    events = poll.poll(10000)
    print(round(time.monotonic() - began, 2), len(held) > 0, end=' ')
    if events and events[0][1] & select.POLLERR:
        raise OSError(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 'SO_ERROR')


def upload(timeout, seconds, amount):
    """To a peer that takes all of it in so many seconds, or nothing more after a first part."""
    waiting = listener()
    waiting.listen()
    taken = 0

    def take():
        nonlocal taken
        peer = waiting.accept()[0]
        began = time.monotonic()
        while taken < amount:
            until = began + (seconds * taken / amount if seconds else 30)
            time.sleep(max(0, until - time.monotonic()))
            part = len(peer.recv(1 << 16))
            if not part:
                break
            taken += part

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    s = socket.create_connection(waiting.getsockname())
    s.settimeout(timeout)
    began = time.monotonic()
    try:
        s.sendall(bytes(amount))
        s.close()
        thread.join(20)
        assert taken == amount, taken
    finally:
        print(round(time.monotonic() - began, 2), end=' ')


SCENES = {
    'connect': lambda: connect(None),
    'connect-with-timeout': lambda: connect(20),
    'connect-and-poll': connect_and_poll,
    'stall': lambda: upload(None, 0, 64 << 20),
    'stall-with-timeout': lambda: upload(0.5, 0, 64 << 20),
    'slow': lambda: upload(1, 3, 16 << 20),
}

if __name__ == '__main__':
    try:
        SCENES[sys.argv[1]]()
        print('done')
    except OSError as error:
        # Python's own has no errno, one of the kernel's or of ours has.
        print(type(error).__name__, error.errno)
