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
    left = re.findall(r'.*\bsetsockopt\(.*SO_SNDTIMEO.*', calls)
    here.expect(not left, '\n'.join(left[:5]))
    # A connect's deadline, which goes with the connect.
    deadlines = re.findall(r'\bsetsockopt\(.*TCP_USER_TIMEOUT, \[(\d+)\]', calls)
    here.expect(not deadlines or deadlines[-1] == '0', 'TCP_USER_TIMEOUT is left at %s' % deadlines[-1:])
    here.expect(here.case != place.INERT or calls.count('setsockopt(') == 1, 'it sets more than its own SO_SNDBUF')
