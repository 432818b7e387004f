# SPDX-License-Identifier: MIT
"""Show the table while it fills in: for people, or as TAP for a test driver."""
import math
import shutil
import sys

CELL = 34


def words(outcome, clock):
    """An outcome in a table's cell."""
    if outcome.waiting:
        return 'hangs'
    if outcome.status:
        whole = 'complete, ' if outcome.complete else 'NOT COMPLETE, '
        return '%d, %s%.1f s' % (outcome.status, whole, outcome.seconds(clock))
    if not outcome.error:
        return 'did not run'
    seconds = outcome.seconds(clock)
    # A peer that never got as far as the moment the clock starts at.
    after = ', at no known time' if math.isnan(seconds) else ', %.2f s' % seconds
    return outcome.error + after if outcome.error == 'ConnectTimeout' else outcome.error + cause(outcome) + after


def cause(outcome):
    if 'timed out' in outcome.cause:
        return ': timed out'
    return ': EOF' if 'EOF occurred' in outcome.cause else ': ' + outcome.cause[:10]


def verdict(scene, bare, under):
    return scene.bare.fits(bare) and scene.under.fits(under)


def explain(scene, bare, under):
    """What was expected and what came instead, with everything that client and peer said."""
    for side, expected, outcome in ('bare', scene.bare, bare), ('under sndtimeo', scene.under, under):
        if expected.fits(outcome):
            continue
        yield '%s, %s: expected %s' % (scene.name, side, expected)
        yield '  got %s: %s' % (words(outcome, expected.clock), outcome.client.get('text', ''))
        yield '  the client: %s' % outcome.client
        yield '  the peer: %s' % outcome.peer
        yield from ('  stderr: ' + line for line in outcome.stderr.splitlines())


class Table:
    """For people. In a terminal that is large enough, each row is filled in when it is known; elsewhere the rows come
    out in order, each as soon as it and those before it are known."""

    def __init__(self, scenes):
        self.scenes = scenes
        self.results = {}
        self.next_row = 0
        size = shutil.get_terminal_size()
        self.redraws = sys.stdout.isatty() and size.lines > self.height() + 2 and size.columns > len(self.heading())

    def height(self):
        return len(self.scenes) + len({scene.peer for scene in self.scenes})

    def heading(self):
        return self.line('  over  timeout', 'bare', 'under sndtimeo', 'NOT as expected').rstrip()

    @staticmethod
    def line(what, bare, under, how):
        return '%-18s %-*s %-*s %s' % (what, CELL, bare, CELL, under, how)

    def start(self, introduction):
        print(introduction + '\n')
        print(self.line('  over  timeout', 'bare', 'under sndtimeo', 'verdict'))
        if self.redraws:
            self.draw(range(len(self.scenes)))

    def finished(self, index, text):
        self.results[index] = text
        if self.redraws:
            print('\x1b[%dA' % self.height(), end='')
            self.draw(range(len(self.scenes)))
        else:
            self.draw(self.rows_in_order())

    def rows_in_order(self):
        while self.next_row in self.results:
            yield self.next_row
            self.next_row += 1

    def draw(self, rows):
        clear = '\x1b[K' if self.redraws else ''
        for row in rows:
            scene = self.scenes[row]
            if row == 0 or self.scenes[row - 1].peer != scene.peer:
                print(scene.peer + clear)
            text = self.results.get(row, ('...', '...', ''))
            print(self.line('  %-5s %s' % (scene.protocol, scene.timeout), *text) + clear)
        sys.stdout.flush()

    def played(self, index, bare, under):
        scene = self.scenes[index]
        self.finished(index, (words(bare, scene.bare.clock), words(under, scene.under.clock),
                              'as expected' if verdict(scene, bare, under) else 'NOT as expected'))

    def skipped(self, index, reason):
        self.finished(index, ('-', '-', 'skipped: ' + reason))

    def end(self, summary, explanations):
        print('\n' + summary)
        for line in explanations:
            print(line)


class Tap:
    """For a test driver: one test for each row, in order."""

    def __init__(self, scenes):
        self.scenes = scenes
        self.results = {}
        self.next_row = 0

    def start(self, introduction):
        print('1..%d' % len(self.scenes))
        for line in introduction.splitlines():
            print('# ' + line)
        sys.stdout.flush()

    def played(self, index, bare, under):
        scene = self.scenes[index]
        self.results[index] = '%sok %d - %s: bare %s; under sndtimeo %s' % (
            '' if verdict(scene, bare, under) else 'not ', index + 1, scene.name,
            words(bare, scene.bare.clock), words(under, scene.under.clock))
        self.print_in_order()

    def skipped(self, index, reason):
        self.results[index] = 'ok %d - %s # SKIP %s' % (index + 1, self.scenes[index].name, reason)
        self.print_in_order()

    def print_in_order(self):
        while self.next_row in self.results:
            print(self.results[self.next_row], flush=True)
            self.next_row += 1

    def end(self, summary, explanations):
        for line in [summary, *explanations]:
            print('# ' + line)
