# SPDX-License-Identifier: MIT
"""valgrind."""
import peers
import place

PACKAGES = ('valgrind',)
NEEDS = ('valgrind', 'cc')
CASES = place.CASES
FOUND = 9


def play(here):
    program = here.build('sender.c')
    here.options = ['-c', '5', '-s', '2']
    argv = here.by_command(['valgrind', '-q', '--vgdb=no', '--error-exitcode=%d' % FOUND, '--leak-check=full', program])
    said = peers.expect_whole(here, lambda *arguments: argv + list(arguments) + ['ticks'])
    here.expect('==' not in said, said)
    said = peers.expect_end(here, lambda *arguments: argv + list(arguments), 2, 10)
    here.expect('==' not in said, said)
