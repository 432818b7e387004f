# SPDX-License-Identifier: MIT
"""libfaketime.

It makes every clock the time of day, of another day. Both may be first in LD_PRELOAD.
"""
import concurrent.futures

import peers
import place

PACKAGES = ('faketime',)
NEEDS = ('faketime', 'cc')
FIRST, LAST = 'limits, the library first', 'limits, the library last'
CASES = (place.BARE, place.INERT, FIRST, LAST)
TIMES = ('-10d', '@2038-01-19 03:14:07', '@1971-01-01 00:00:00')


def play(here):
    program = here.build('sender.c')
    limits = [here.command, '-c', '5', '-s', '2', '--']

    def argv_of(time):
        fake = ['faketime', '-f', time]
        if here.case == LAST:
            return limits + fake + [program]
        if here.case == FIRST:
            return fake + limits + [program]
        return fake + here.by_command([program])

    def one(time):
        try:
            peers.expect_whole(here, lambda *arguments: argv_of(time) + list(arguments), kind=peers.PAUSING)
            peers.expect_end(here, lambda *arguments: argv_of(time) + list(arguments), 2, 6)
        except place.Failure as failure:
            return '%s: %s' % (time, failure)
        return ''

    with concurrent.futures.ThreadPoolExecutor(len(TIMES)) as pool:
        wrong = [said for said in pool.map(one, TIMES) if said]
    here.step = 'at another time'
    here.expect(not wrong, '\n'.join(wrong))
