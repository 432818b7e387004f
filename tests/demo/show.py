# SPDX-License-Identifier: MIT
"""Show the table while it fills in: for people, or as TAP for a test driver."""
import math
import os
import shutil
import sys
import textwrap

CELL = 35
WRONG = 'NOT as expected'
ROW = f'{{:17}} {{:{CELL}}} {{:{CELL}}} {{}}'
# Fits the 80 columns of a terminal that nobody has resized.
ROW_ON_TWO_LINES = f'{{:17}} bare   {{}}\n{17 * " "} under  {{:{CELL}}} {{}}'
LONGEST_LINE = 120


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
        if outcome.busy:
            yield '  the machine had no time for it for %.2f s, which is allowed for' % outcome.busy
        yield '  the client: %s' % outcome.client
        yield '  the peer: %s' % outcome.peer
        yield from ('  stderr: ' + line for line in outcome.stderr.splitlines())


class Table:
    """For people. In a terminal that is large enough, each row is filled in when it is known; elsewhere the rows come
    out in order, each as soon as it and those before it are known. In a narrow terminal a row takes two lines."""

    def __init__(self, scenes):
        self.scenes = scenes
        self.results = {}
        self.next_row = 0
        size = shutil.get_terminal_size()
        terminal = sys.stdout.isatty() and os.environ.get('TERM') not in (None, '', 'dumb')
        self.width = min(size.columns, LONGEST_LINE) if terminal else LONGEST_LINE
        self.narrow = self.width < len(ROW.format('', '', '', WRONG))
        self.redraws = terminal and not self.narrow and size.lines > self.height() + 2

    def height(self):
        return len(self.scenes) + len({scene.peer for scene in self.scenes})

    def start(self, introduction):
        print(textwrap.fill(introduction, self.width) + '\n')
        if not self.narrow:
            print(ROW.format('  over  timeout', 'bare', 'under sndtimeo', 'verdict'))
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
        form = ROW_ON_TWO_LINES if self.narrow else ROW
        for row in rows:
            scene = self.scenes[row]
            if row == 0 or self.scenes[row - 1].peer != scene.peer:
                print(scene.peer + clear)
            text = self.results.get(row, ('...', '...', ''))
            line = form.format('  %-5s %s' % (scene.protocol, scene.timeout), *text).rstrip()
            # A line that wraps would take a place that nobody counted.
            print((line[:self.width] if self.redraws else line) + clear)
        sys.stdout.flush()

    def played(self, index, bare, under):
        scene = self.scenes[index]
        self.finished(index, (words(bare, scene.bare.clock), words(under, scene.under.clock),
                              'as expected' if verdict(scene, bare, under) else WRONG))

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
        for line in textwrap.wrap(introduction, LONGEST_LINE):
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
