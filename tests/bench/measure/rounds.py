# SPDX-License-Identifier: MIT
"""How things are measured that no two runs agree about: in many short rounds, each preload in turn."""
import contextlib
import os
import statistics
import subprocess

from measure.table import Row


def on_processor(which):
    """For a child: the program that is measured has one processor for itself, and its peer another. Where the scheduler
    puts them otherwise makes more difference than anything here."""
    usable = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {usable[which % len(usable)]})


MEASURED, PEER = on_processor(0), on_processor(1)


@contextlib.contextmanager
def running(command, **options):
    """A process for as long as it is wanted. It is asked to end, because nginx has others to end."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def answer(process):
    """What a process says to one line more of its input."""
    process.stdin.write('\n')
    process.stdin.flush()
    return process.stdout.readline()


def in_turn(preloads, rounds, measure):
    """MEASURE each of PRELOADS as many times, each of them first now and then: what was measured of each."""
    measured = {preload.name: [] for preload in preloads}
    for number in range(rounds):
        first = number % len(preloads)
        for preload in (*preloads[first:], *preloads[:first]):
            measured[preload.name].append(measure(preload))
    return measured


def ratios(measured, name):
    """What was measured of one beside the bare program, round by round."""
    return [one / other for one, other in zip(measured[name], measured['bare'])]


def ratio_row(what, goal, measured, unit):
    """The median counts. What it is worth is told by the bare program measured twice: the error of a median is about the
    middle half's width over the root of the rounds, and what is below its goal by less may be met."""
    rounds = {name: ratios(measured, name) for name in measured if name != 'bare'}
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    bare, ours, again = statistics.median(measured['bare']), medians.pop('ours'), medians.pop('bare again')
    low, _, high = statistics.quantiles(rounds['bare again'], n=4)
    noise = (high - low) / len(measured['bare']) ** 0.5
    return Row(what, goal, bare, ours, ours >= goal - noise, medians, '>=',
               f'bare {bare:.0f} {unit}, {len(measured["bare"])} rounds [bare beside itself {again:.3f} +- {noise:.3f}]')
