# SPDX-License-Identifier: MIT
"""An address that answers no SYN, without root."""
import socket


def fill(listener):
    """Connect until the accept queue is full and a connection hangs: from then on the kernel drops every SYN, like a
    firewall that drops packets. Returns what holds it full."""
    held = []
    while True:
        held.append(socket.socket(listener.family))
        held[-1].settimeout(0.2)
        try:
            held[-1].connect(listener.getsockname())
        except (TimeoutError, socket.timeout):   # another one before Python 3.10
            held.pop().close()
            return held
