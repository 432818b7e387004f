#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the library costs, beside the bare program and libraries that do other things in the same way."""
import argparse
import subprocess
import sys
import time
from pathlib import Path

from measure import counts, nanoseconds, outside, scale, table, throughput, tools

PARTS = ('counts', 'nanoseconds', 'throughput', 'curves', 'late', 'outside')


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, required=True, metavar='DIR', help='where it was built')
    parser.add_argument('--library', type=Path, metavar='FILE', help='measure this one, not what was built there')
    parser.add_argument('--beside', type=Path, metavar='FILE', help='measure this one, too: an older libsndtimeo.so')
    parser.add_argument('--only', choices=PARTS, action='append', help='one part of it (may be given again)')
    parser.add_argument('--full', action='store_true', help='more bytes and more pairs: a quarter of an hour')
    parser.add_argument('--ci', action='store_true', help='what is counted exactly, as tests')
    parser.add_argument('--markdown', action='store_true', help='print the table for docs/performance.md')
    parser.add_argument('--plot', type=Path, metavar='FILE', help='draw the curves (takes gnuplot)')
    return parser.parse_args()


def tell(what):
    """Progress, for whoever waits."""
    print(f'{time.strftime("%H:%M:%S")} {what}', file=sys.stderr, flush=True)


def told(rows):
    """Each row as soon as it is there: they take long."""
    for row in rows:
        tell(f'{row.what}: {row.shown(row.ours)}; {row.note}')
        yield row


def needed(parts):
    """The tools for these parts."""
    names = set()
    if 'counts' in parts:
        names |= {'valgrind', 'strace', 'strip'}
    if 'outside' in parts:
        names |= {'strace'}
    if 'throughput' in parts:
        names |= {'nginx', 'wrk', 'openssl'}
    return sorted(names)


def plot(curves, path):
    """Have gnuplot draw them."""
    scale.write_curves(curves, '.')
    script = Path(__file__).resolve().parent / 'performance.gp'
    subprocess.run(['gnuplot', '-e', f"output='{path}'", str(script)], check=True)


def main():
    """Measure, and print."""
    options = parse()
    parts = ('counts',) if options.ci else tuple(options.only or PARTS)
    absent = tools.missing(needed(parts))
    if absent:
        tell(tools.how_to_get(absent))
        if options.ci:
            return 1
        parts = tuple(part for part in parts if not set(needed((part,))) & set(absent))
    exact = counts.Counts(options.build, options.library or options.build / '.libs/libsndtimeo.so', tell)
    beside = tools.Preload('beside', str(options.beside), tools.LIMITS) if options.beside else None
    sizes = scale.Scale(options.build, exact.bare, exact.ours, options.full, tell)
    rows = []
    if 'counts' in parts:
        here, not_here = ([], []) if options.ci else tools.peers()
        if not_here:
            tell(f"not here, and not measured beside it: {', '.join(not_here)} (Debian's packages)")
        rows += exact.instruction_rows([beside, *here] if beside else here)
        rows += exact.system_call_rows(beside)
        rows += exact.start_rows()
        rows += exact.size_rows()
    if 'nanoseconds' in parts:
        rows += nanoseconds.Nanoseconds(options.build, exact.ours, beside, tell).rows()
    if 'throughput' in parts:
        speed = throughput.Throughput(options.build, exact.bare, exact.ours, beside, options.full, tell)
        rows += told(speed.upload_rows())
        rows += told(speed.send_rows())
        rows += told(speed.nginx_rows())
    if 'curves' in parts:
        rows += sizes.curve_rows()
    if 'late' in parts:
        rows += sizes.late_rows()
    if 'outside' in parts:
        rows += told(outside.Outside(options.build, options.full, tell).rows())
    if options.plot:
        plot(sizes.curves, options.plot)
    if options.ci:
        return int(not table.print_lines(rows))
    if options.markdown:
        table.print_markdown(rows)
    else:
        table.print_table(rows)
    return 0


if __name__ == '__main__':
    sys.exit(main())
