# SPDX-License-Identifier: MIT
"""gdb.

A program that is stopped in its signal handler while it sends, and goes on.
"""
import peers
import place

PACKAGES = ('gdb',)
NEEDS = ('gdb', 'cc')
CASES = place.CASES


def play(here):
    program = here.build('sender.c')
    settings = {**({} if here.case == place.BARE else {'LD_PRELOAD': here.library}), **here.settings()}
    argv = ['gdb', '-q', '-batch', '-nx', '-ex', 'set debuginfod enabled off', '-ex', 'set startup-with-shell off']
    for name, value in settings.items():
        argv += ['-ex', 'set environment %s %s' % (name, value)]
    # Stopped twice, then it may go on, with the signals as they come.
    for command in ('handle SIGALRM nostop noprint pass', 'break on_tick', 'run', 'continue', 'backtrace 1', 'delete',
                    'continue'):
        argv += ['-ex', command]
    said = peers.expect_whole(here, lambda *arguments: argv + ['--args', program] + list(arguments) + ['ticks'],
                              kind=peers.PAUSING)
    here.expect('some ticks: yes' in said and 'exited normally' in said and said.count('Breakpoint 1, on_tick') == 2, said)
