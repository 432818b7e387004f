# SPDX-License-Identifier: MIT
"""What the kernel knows of a TCP connection that a peer has. struct tcp_info (linux/tcp.h) only grows at its end."""
import fcntl
import socket
import struct
import termios

SIZE = 104
LAST_DATA_RECV = 52
CLOSE = 7   # a state: of a connection that was reset


def queued(connection):
    """Bytes that the kernel has acknowledged to the sender and nobody has read."""
    return struct.unpack('i', fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4)))[0]


def since_last_data(connection):
    """Seconds since the kernel last took data from the sender (tcpi_last_data_recv)."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SIZE)
    return struct.unpack_from('I', info, LAST_DATA_RECV)[0] / 1000


def was_reset(connection):
    """Whether it ended with a reset (tcpi_state, the first byte): not everybody who reads can tell that from an end."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSE
