# SPDX-License-Identifier: MIT
"""strace.

What is seen is what bare makes: a healthy upload leaves no option of ours on its socket.
"""
import re

import peers
import place

PACKAGES = ('strace',)
NEEDS = ('strace', 'cc')
AROUND = 'around the command, '
CASES = place.CASES + (AROUND + place.LIMITS,)


def play(here):
    program = here.build('sender.c')
    around = here.case.startswith(AROUND)
    here.case = here.case.removeprefix(AROUND)
    strace, trace = ['strace', '-f', '-o', here.path('trace')], here.path('trace')
    argv = strace + here.by_command([program]) if around else here.by_command(strace + [program])
    peers.expect_whole(here, lambda *arguments: argv + list(arguments) + ['ticks'], kind=peers.PAUSING)
    with open(trace, encoding='utf-8', errors='replace') as f:
        calls = f.read()
    here.expect('connect(' in calls and 'exited with 0' in calls, calls[-2000:])
    here.expect('SO_SNDTIMEO' not in calls, '\n'.join(re.findall('.*SO_SNDTIMEO.*', calls)[:5]))
    here.expect(here.case != place.INERT or calls.count('setsockopt(') == 1, 'it sets more than its own SO_SNDBUF')
