# SPDX-License-Identifier: MIT
"""Calls with bad arguments, signals, or in a process that may do little.

Each has to end as it does bare: with the kernel's EFAULT, with EINTR, in SECCOMP_MODE_STRICT, without the processor's
clock (PR_SET_TSC), under a filter that kills.
"""
import difflib

import place

PACKAGES = ('gcc', 'libc6-dev')
NEEDS = ('cc',)
CASES = (place.INERT, place.LIMITS)


def play(here):
    program = here.build('calls.c', '-w')
    here.step = 'the calls'
    bare = here.run([program]).stdout.splitlines()
    under = here.run(here.by_command([program])).stdout.splitlines()
    here.expect(len(bare) > 100, '\n'.join(bare))
    here.expect(bare == under, '\n'.join(line for line in difflib.unified_diff(bare, under, 'bare', here.case, n=0, lineterm='')
                                         if not line.startswith('@@')))
