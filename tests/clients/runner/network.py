# SPDX-License-Identifier: MIT
"""Where a client and the gate it talks to are: both on loopback, or two hosts with a delayed link between them."""
import contextlib
import os
import socket
import threading

import delayline

ADDRESSES = {4: ('127.0.0.1', '10.9.0.2'), 6: ('::1', 'fd09::2')}


class Loopback:
    def __init__(self, family):
        self.host = ADDRESSES[family][0]
        self.lost_at = None

    def listen(self, rcvbuf, port=0, backlog=16):
        return listen(self.host, port, rcvbuf, backlog)

    def connect(self, port, rcvbuf):
        return connect(self.host, port, rcvbuf)

    enter = None   # what moves the process of a client to where it belongs

    def lose(self, what):
        raise AssertionError('loopback loses nothing')

    def stop(self):
        pass


class Link:
    """Its packets are carried by a thread of this process; the other threads stay where they were."""

    def __init__(self, family, delay):
        if os.geteuid() != 0:
            raise delayline.Impossible('a link between the servers of this host takes root')
        self.host = ADDRESSES[family][1]
        # Of the thread: /proc/self would be the process's.
        home = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.near, self.far = delayline.build_hosts()
        finally:
            enter(home)
        self.home = home
        self.control = delayline.Control(None)
        self.over, self.tell_over = os.pipe2(os.O_CLOEXEC)
        line = delayline.Link((self.near, self.far), delay, self.control)
        threading.Thread(target=line.carry_until, args=(self.over,), daemon=True).start()

    @property
    def lost_at(self):
        return self.control.first_loss

    def listen(self, rcvbuf, port=0, backlog=16):
        with self.at(self.far):
            return listen(self.host, port, rcvbuf, backlog)

    def connect(self, port, rcvbuf):
        """To a server at the client's place."""
        with self.at(self.far):
            return connect(self.near_host(), port, rcvbuf)

    def near_host(self):
        return {'10.9.0.2': '10.9.0.1', 'fd09::2': 'fd09::1'}[self.host]

    @contextlib.contextmanager
    def at(self, host):
        host.enter()
        try:
            yield
        finally:
            enter(self.home)

    def enter(self):
        self.near.enter()

    def lose(self, what):
        self.control.mode = what

    def stop(self):
        os.write(self.tell_over, b'.')


def enter(namespace):
    """Of this thread alone."""
    delayline.call('setns', namespace, delayline.CLONE_NEWNET)


def listen(host, port, rcvbuf, backlog):
    listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if rcvbuf:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def connect(host, port, rcvbuf):
    connection = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    if rcvbuf:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    connection.connect((host, port))
    return connection


def make(scene, family):
    return Link(family, scene.delay) if scene.delay else Loopback(family)
