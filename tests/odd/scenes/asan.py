# SPDX-License-Identifier: MIT
"""gcc's AddressSanitizer.

It ends a program in which its runtime is not the first library. The command sees to that, and --check says how.
"""
import os
import re

import peers
import place

PACKAGES = ('gcc',)
NEEDS = ('gcc',)
BY_HAND = 'limits by hand'
CASES = (place.BARE, place.LIMITS, BY_HAND)


def play(here):
    program = here.path('sender')
    done = here.run(['gcc', '-g', '-D_GNU_SOURCE', '-fsanitize=address', os.path.join(place.PROGRAMS, 'sender.c'), '-o',
                     program], succeeds=False)
    if done.returncode:
        raise place.Impossible('gcc has no AddressSanitizer here')
    here.options = ['-c', '5', '-s', '2']
    argv = here.by_command([program])
    if here.case == BY_HAND:
        here.step = '--check'
        said = here.run([here.command, '--check', '--', program]).stdout
        order = re.search(r'LD_PRELOAD=(\S*libasan\S*:\S*libsndtimeo\.so)$', said, re.MULTILINE)
        here.expect(order, said)
        argv = ['env', 'SNDTIMEO_SEND=2', order.group(0), program]
    said = peers.expect_whole(here, lambda *arguments: argv + list(arguments))
    said += peers.expect_end(here, lambda *arguments: argv + list(arguments), 2, 6)
    here.expect('Sanitizer' not in said and 'runtime' not in said, said)
