# SPDX-License-Identifier: MIT
"""What a send costs as connections, threads and rules grow, and how late a timeout is on a busy machine."""
import subprocess
import sys
import tempfile
from pathlib import Path

from measure.rounds import MEASURED, in_turn, running
from measure.table import Row
from measure.tools import environment

COUNTS = {'connections': (1, 10, 100, 1000, 10000), 'threads': (1, 10, 100, 1000), 'rules': (0, 10, 100, 1000, 10000)}
LATE_SENDERS = 200
LATE_LIMIT_MS = 2000
# Rule for rule of a kind that has to be looked at.
RULE = '10.{0}.{1}.0/24 send=5s connect=1s\n'


class Scale:
    """The rows that grow, for one build."""

    def __init__(self, build, bare, ours, full, tell):
        self.load = str(build / 'tests/bench/load')
        self.bare, self.ours = bare, ours
        self.sends, self.rounds = (400000, 9) if full else (40000, 7)
        self.tell = tell
        self.curves = {}

    def cost(self, kind, count, preload, more=None):
        """Nanoseconds of processor time a send."""
        run = subprocess.run([self.load, kind, str(count), str(self.sends)], env=environment(preload, more),
                             capture_output=True, text=True, check=True, preexec_fn=MEASURED)
        return float(run.stdout)

    def curve(self, what):
        """For each count: bare, and how many times that it is with the library."""
        points = []
        for count in COUNTS[what]:
            self.tell(f'{count} {what}')
            with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
                more = {}
                if what == 'rules':
                    file.writelines(RULE.format(i >> 8, i & 255) for i in range(count))
                    file.flush()
                    more = {'SNDTIMEO_CONFIG': file.name}
                kind, number = ('threads', count) if what == 'threads' else ('loop', count if what != 'rules' else 1)
                measured = in_turn((self.bare, self.ours), self.rounds, lambda preload: self.cost(
                    kind, number, preload, more if preload is self.ours else None))
            # The least: nothing makes a send cheaper than it is, and everything else on the machine makes it dearer.
            bare, ours = (min(measured[preload.name]) for preload in (self.bare, self.ours))
            points.append((count, bare, ours / bare))
        return points

    def curve_rows(self):
        """The largest count beside the smallest."""
        for what in COUNTS:
            try:
                self.curves[what] = self.curve(what)
            except subprocess.CalledProcessError as error:
                self.tell(f'{what}: skipped: {error.stderr.strip()}')
                continue
            (_, _, first), (count, bare, last) = self.curves[what][0], self.curves[what][-1]
            worst = last / first
            yield Row(f'a send with {count:,} {what}, beside that with {COUNTS[what][0]}', 1.05, None, worst, worst <= 1.05,
                      {}, '<=', ', '.join(f'{n:,}: {ns:.0f} ns x {ratio:.3f}' for n, ns, ratio in self.curves[what]))

    def lateness(self, kind):
        """How late each of many was told, in percent of the limit."""
        run = subprocess.run([self.load, kind, str(LATE_SENDERS), str(LATE_LIMIT_MS)], check=True, text=True,
                             capture_output=True,
                             env=environment(self.ours, {'SNDTIMEO_SEND': f'{LATE_LIMIT_MS}ms', 'SNDTIMEO_LOG': 'off'}))
        return sorted(float(line) * 100 / LATE_LIMIT_MS for line in run.stdout.split())

    def late_rows(self):
        """With both cores busy."""
        spin = [sys.executable, '-c', 'while True: pass']
        with running(spin), running(spin):
            for kind, name in (('late-blocking', 'a blocking send'), ('late-synchronous', "a synchronous writer's wait")):
                self.tell(f'lateness of {name}')
                late = self.lateness(kind)
                for percent, goal in ((50, 2.0), (99, 5.0)):
                    value = late[len(late) * percent // 100]
                    yield Row(f'lateness of {name}, p{percent}, % of {LATE_LIMIT_MS} ms', goal, None, value, value <= goal,
                              {}, '<=')


def write_curves(curves, folder):
    """For gnuplot: a file for each kind, with bare and ours in nanoseconds."""
    for what, points in curves.items():
        with (Path(folder) / f'{what}.dat').open('w', encoding='ascii') as file:
            for count, bare, ratio in points:
                file.write(f'{max(count, 1)} {bare:.1f} {bare * ratio:.1f}\n')
