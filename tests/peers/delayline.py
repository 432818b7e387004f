#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a client and a server as two hosts at the ends of a link that delays every packet.

usage: delayline.py [--delay S] [--control FILE] CLIENT SERVER     (each a shell command)
       delayline.py --possible                    (says why not and fails, if it cannot work here)

The client is 10.9.0.1 and fd09::1, the server 10.9.0.2 and fd09::2, the MTU 1500; a packet takes S seconds each way
(default 0.05: a round trip of 100 ms). Each host is a network namespace whose only link is a tun device, and this program
carries the packets: nothing leaves the two namespaces. What FILE says while the link is up steers it: "all" loses every
packet, "big" the client's of more than 500 bytes (a hole in the path's MTU discovery), "data" the client's that carry any
data, "ack" the server's, nothing none. The client starts once the server listens; when it ends, the server gets SIGTERM
and the client's exit status is this program's. Needs root, or a system that lets users make namespaces, and /dev/net/tun.
"""
import argparse
import collections
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 1500
# More packets than this wait in the sending host's own queue, as behind a real network card.
PACKETS_ON_THE_LINE = 4000
BIG = 500
SECONDS_BETWEEN_LOOKS = 0.02
LISTEN_STATE = '0A'

libc = ctypes.CDLL(None, use_errno=True)


class Impossible(Exception):
    """This machine does not let us build the link."""


def call(function, *arguments):
    """A libc call that Python before 3.12 has no name for."""
    if getattr(libc, function)(*arguments):
        error = ctypes.get_errno()
        raise Impossible('%s: %s' % (function, os.strerror(error)))


def become_root_of_a_user_namespace():
    uid, gid = os.getuid(), os.getgid()
    call('unshare', CLONE_NEWUSER)
    for name, text in ('setgroups', 'deny'), ('uid_map', '0 %d 1' % uid), ('gid_map', '0 %d 1' % gid):
        with open('/proc/self/' + name, 'w') as f:
            f.write(text)


def carries_data(packet):
    """Whether a TCP segment has any payload. Extension headers and fragments do not come up here."""
    if packet[0] >> 4 == 6:
        protocol, start, end = packet[6], 40, 40 + int.from_bytes(packet[4:6], 'big')
    else:
        protocol, start, end = packet[9], packet[0] % 16 * 4, int.from_bytes(packet[2:4], 'big')
    return protocol == socket.IPPROTO_TCP and end > start + packet[start + 12] // 16 * 4


class Host:
    """A network namespace and the packets that enter and leave it. Making one moves this thread into it."""

    def __init__(self, address, address6):
        call('unshare', CLONE_NEWNET)
        self.namespace = os.open('/proc/self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        self.line = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(self.line, TUNSETIFF, struct.pack('16sH22x', b'line0', IFF_TUN | IFF_NO_PI))
        for command in ('link set lo up', 'address add %s/24 dev line0' % address,
                        'address add %s/64 dev line0 nodad' % address6, 'link set line0 up mtu %d txqueuelen 5000' % MTU):
            subprocess.run(['ip'] + command.split(), check=True, capture_output=True)

    def enter(self):
        call('setns', self.namespace, CLONE_NEWNET)

    def start(self, command):
        # exec: the process we signal is the command itself, not a shell that would leave it behind. Whatever descriptors
        # our caller gave us are for the two commands.
        return subprocess.Popen(['sh', '-c', 'exec ' + command], preexec_fn=self.enter, close_fds=False)

    def listens(self):
        self.enter()
        with open('/proc/self/net/tcp') as sockets:
            return any(line.split()[3] == LISTEN_STATE for line in sockets)

    def read_packet(self):
        try:
            return os.read(self.line, MTU)
        except BlockingIOError:
            return None

    def write_packet(self, packet):
        try:
            os.write(self.line, packet)
        except OSError:
            pass   # a host that cannot take a packet loses it: that is what a network does


class Control:
    """What the control file says, asked often; without one, whatever `mode` is set to."""

    def __init__(self, path):
        self.path = path
        self.mode = ''
        self.looked = 0
        self.first_loss = None   # on the monotonic clock

    def loses(self, packet, from_client):
        now = time.monotonic()
        if self.path and now - self.looked > SECONDS_BETWEEN_LOOKS:
            self.looked = now
            with contextlib.suppress(OSError), open(self.path) as f:
                self.mode = f.read().strip()
        lost = (self.mode == 'all' or self.mode == 'big' and from_client and len(packet) > BIG
                or self.mode == 'data' and from_client and carries_data(packet)
                or self.mode == 'ack' and not from_client)
        if lost and self.first_loss is None:
            self.first_loss = now
        return lost


class Link:
    """Carries packets between two hosts, each of them `delay` seconds late, in order."""

    def __init__(self, hosts, delay, control):
        self.client = hosts[0].line
        self.other = {hosts[0].line: hosts[1], hosts[1].line: hosts[0]}
        self.hosts = {host.line: host for host in hosts}
        self.delay = delay
        self.control = control
        self.packets = collections.deque()

    def carry_until(self, ended):
        """Carry packets until the descriptor `ended` becomes readable."""
        while True:
            room = len(self.packets) < PACKETS_ON_THE_LINE
            ready, _, _ = select.select([ended, *(self.hosts if room else ())], [], [], self.time_to_next())
            if ended in ready:
                return
            for line in ready:
                self.collect(line)
            self.deliver()

    def time_to_next(self):
        return max(0, self.packets[0][0] - time.monotonic()) if self.packets else None

    def collect(self, line):
        while len(self.packets) < PACKETS_ON_THE_LINE:
            packet = self.hosts[line].read_packet()
            if packet is None:
                return
            if self.control.loses(packet, line == self.client):
                continue
            self.packets.append((time.monotonic() + self.delay, self.other[line], packet))

    def deliver(self):
        while self.packets and self.packets[0][0] <= time.monotonic():
            _, host, packet = self.packets.popleft()
            host.write_packet(packet)


def build_hosts():
    try:
        if os.geteuid() != 0:
            become_root_of_a_user_namespace()
        return Host('10.9.0.1', 'fd09::1'), Host('10.9.0.2', 'fd09::2')
    except OSError as error:
        raise Impossible(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise Impossible(error.stderr.decode().strip()) from error


def wait_until_listening(host, server):
    while not host.listens():
        if server.poll() is not None:
            sys.exit('delayline: the server ended before it listened')
        time.sleep(0.02)


def run(client_command, server_command, delay, control):
    near, far = build_hosts()
    started = []
    try:
        started.append(far.start(server_command))
        wait_until_listening(far, started[0])
        started.append(near.start(client_command))
        Link((near, far), delay, Control(control)).carry_until(os.pidfd_open(started[1].pid))
        return started[1].wait()
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--delay', type=float, default=0.05)
    parser.add_argument('--control', metavar='FILE')
    parser.add_argument('--possible', action='store_true')
    parser.add_argument('commands', nargs='*', metavar='COMMAND')
    options = parser.parse_args()
    if not options.possible and len(options.commands) != 2:
        parser.error('a client and a server are needed')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.possible:
            build_hosts()
            return 0
        return run(*options.commands, options.delay, options.control)
    except Impossible as reason:
        print('delayline: %s' % reason, file=sys.stderr)
        return 77   # Automake's "skipped"


if __name__ == '__main__':
    sys.exit(main())
