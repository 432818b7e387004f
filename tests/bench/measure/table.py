# SPDX-License-Identifier: MIT
"""What was measured, as a table to read and as lines to count."""
from dataclasses import dataclass, field


@dataclass
class Row:
    """One number and what it should be."""
    what: str
    goal: float | None
    bare: float | None
    ours: float | None
    holds: bool
    peers: dict = field(default_factory=dict)
    relation: str = '<='
    note: str = ''
    digits: int | None = None

    def shown(self, value):
        """One of its numbers."""
        return shown(value) if value is None or self.digits is None else f'{value:.{self.digits}f}'


def shown(value):
    """A number as short as it may be; nothing where there is none."""
    if value is None:
        return '-'
    if isinstance(value, float):
        return f'{value:.3f}' if abs(value) < 10 else f'{value:.1f}'
    return f'{value:,}'


def lines_of(rows):
    """Goal, bare, ours, and whoever else can do the same work."""
    peers = list(dict.fromkeys(name for row in rows for name in row.peers))
    lines = [['what', 'goal', 'bare', 'ours', '', *peers]]
    for row in rows:
        goal = '' if row.goal is None else f'{row.relation} {shown(row.goal)}'
        lines.append([row.what, goal, row.shown(row.bare), row.shown(row.ours), 'ok' if row.holds else 'NOT MET',
                      *(row.shown(row.peers.get(name)) for name in peers)])
    return lines


def print_markdown(rows):
    """For docs/performance.md."""
    lines = lines_of(rows)
    for line in (lines[0], ['---'] * len(lines[0]), *lines[1:]):
        print(f'| {" | ".join(line)} |')


def print_table(rows):
    """For a terminal, with what else is known of each row."""
    lines = lines_of(rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print('  '.join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))).rstrip())
    for row in rows:
        if row.note:
            print(f'{row.what}: {row.note}')


def print_lines(rows):
    """A line for each row, and sums as Automake's test driver has them. Returns whether all is as it should be."""
    outcomes = ['PASS' if row.holds else 'FAIL' for row in rows]
    for row, word in zip(rows, outcomes):
        print(f'{word}: {row.what}: {row.shown(row.ours)} ({row.relation} {shown(row.goal)})')
    print('=' * 76, 'Testsuite summary: what a call costs', '=' * 76, sep='\n')
    print(f'# TOTAL: {len(rows)}')
    for word in ('PASS', 'SKIP', 'XFAIL', 'FAIL', 'XPASS', 'ERROR'):
        print(f'# {word}: {outcomes.count(word)}')
    return 'FAIL' not in outcomes
