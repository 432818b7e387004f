# SPDX-License-Identifier: MIT
"""torsocks.

It makes a program's connections to a proxy by itself, here one that is the peer. Both may be first in LD_PRELOAD.
"""
import peers
import place

PACKAGES = ('torsocks',)
NEEDS = ('torsocks', 'cc')
FIRST, LAST = 'limits, the library first', 'limits, the library last'
CASES = (place.BARE, place.INERT, FIRST, LAST)
# For documents, and nobody's: nothing goes there, since the only way out is the proxy.
ADDRESS = '192.0.2.7'


def exactly(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError('it ended')
        data += more
    return data


def answer_socks(connection):
    """SOCKS 5 without a password, or with any."""
    methods = exactly(connection, exactly(connection, 2)[1])
    if 0 in methods:
        connection.sendall(b'\5\0')
    else:
        connection.sendall(b'\5\2')
        exactly(connection, exactly(connection, 2)[1])
        exactly(connection, exactly(connection, 1)[0])
        connection.sendall(b'\1\0')
    # An address, or a name with its length; and a port.
    kind = exactly(connection, 4)[3]
    exactly(connection, (4 if kind == 1 else exactly(connection, 1)[0]) + 2)
    connection.sendall(b'\5\0\0\1\0\0\0\0\0\0')


def play(here):
    if not here.isolated:
        raise place.Impossible('it takes a network of its own, that nothing could leave')
    program = here.build('sender.c')
    limits = [here.command, '-c', '5', '-s', '2', '--']

    def argv_of(_, port, size):
        with open(here.path('torsocks.conf'), 'w', encoding='utf-8') as f:
            f.write('TorAddress 127.0.0.1\nTorPort %s\n' % port)
        sender = [program, ADDRESS, '80', size]
        if here.case == LAST:
            argv = limits + ['torsocks'] + sender
        elif here.case == FIRST:
            argv = ['torsocks'] + limits + sender
        else:
            argv = here.by_command(['torsocks'] + sender)
        return ['env', 'TORSOCKS_CONF_FILE=' + here.path('torsocks.conf')] + argv

    for kind in peers.HEALTHY, peers.PAUSING:
        peers.expect_whole(here, argv_of, kind=kind, answer=answer_socks)
    peers.expect_end(here, argv_of, 2, 6, answer=answer_socks)
