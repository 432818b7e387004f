# SPDX-License-Identifier: MIT
"""docs/compatibility.md: the matrix, from what was seen."""
import os

from client import WAYS, output
from scenes import ENDS, NO_HALF, SAME, SCENES

HEAD = '''<!-- Written by make check-clients (tests/clients/check.py --document): do not edit. -->
# Compatibility

Unmodified programs of Debian {debian} on Linux {kernel}, each run three times in each scene: bare, under
`sndtimeo`, and under `sndtimeo --outside`. [clients.md](clients.md) tells how, and how to add one. {sum}

A cell has three parts: bare / inside / outside. *waits* is a program that did nothing and was ended by us, after more
than twice the limit. A number is an exit status (a signal's is negative), then come seconds. nginx, caddy and
http.server are tested as senders to a client that stops reading; their 0 says that they went on and served the next one.
*cannot* is a way by which the limit does not act, – one that does not reach the program at all, ? one that was not run.

From outside a program may be told of a reset (ECONNRESET, EPIPE) instead of a timeout, and the end may come 7.5 % of
the limit later, 150 ms at least. There is no `replace`: a timeout of the program's own that is shorter stays, and
where that is what cuts it bare ([better than bare](#better-than-bare)), it does so from outside, too.
'''

BAD = '''
## Peers that fail

The seconds count from the stall: from the first SYN, from the last byte that the peer took, from the first packet that
was lost. {limits}

{table}
'''

HEALTHY = '''
## Peers that are well

All parts are the same result, and the peer got the same bytes. The seconds are the client's whole life.

{table}
'''


KINDS = (('Cannot', 'Why not'), ('Inside', 'From outside alone'), ('Outside', 'From inside alone'),
         ('Cures', 'Better than bare'), ('Bare', 'Fails bare, too'), ('Skips', 'Not applicable'))


def write_document(path, every, cells, absent):
    """Everything there is to tell of `cells`; clients that are not here are named."""
    with open(path, 'w', encoding='utf-8') as f:
        f.write(head(cells, absent))
        bad = [scene for scene in SCENES.values() if scene.expects in (ENDS, NO_HALF)]
        good = [scene for scene in SCENES.values() if scene.expects == SAME]
        f.write(BAD.format(limits=limits(bad), table=table(every, cells, bad)))
        f.write(HEALTHY.format(table=table(every, cells, good)))
        f.write(notes(every, cells))
        f.write(versions(every, absent))


def head(cells, absent):
    verdicts = [cell.verdict for cell in cells]
    text = '%d of %d cells hold' % (verdicts.count('PASS'), len([one for one in verdicts if one != 'SKIP']))
    text += ' (%s)' % ', '.join('%s %d of %d' % (way, *column(cells, way)) for way in WAYS)
    if 'XFAIL' in verdicts:
        text += '; %d cannot either way, and [why](#why-not) is said' % verdicts.count('XFAIL')
    if 'FAIL' in verdicts:
        text += '; **%d fail**' % verdicts.count('FAIL')
    with open('/etc/debian_version', encoding='ascii') as f:
        debian = f.read().strip()
    kernel = '.'.join(os.uname().release.split('-')[0].split('.')[:2])
    return HEAD.format(debian=debian, kernel=kernel, sum=text + '.')


def column(cells, way):
    """How many of one way's hold, and how many there are."""
    verdicts = [cell.verdict_of(way) for cell in cells]
    return verdicts.count('PASS'), sum(one in ('PASS', 'XFAIL', 'FAIL') for one in verdicts)


def limits(scenes):
    groups = {}
    for scene in scenes:
        groups.setdefault('%s %g s' % (scene.limit, scene.seconds), []).append(str(scene.number))
    return 'The limits: ' + ', '.join('%s in %s' % (limit, ' '.join(numbers)) for limit, numbers in groups.items()) + '.'


def variant(family, tls):
    return 'IPv%d%s' % (family, ', TLS' if tls else '')


def table(every, cells, scenes):
    found = {(cell.client.key, cell.family, cell.tls, cell.scene.number): cell for cell in cells}
    rows = ['| client | | ' + ' | '.join('%d. %s' % (scene.number, scene.title) for scene in scenes) + ' |',
            '|---|---|' + '---|' * len(scenes)]
    for client in every:
        name = client.name
        for family, tls in sorted({(cell.family, cell.tls) for cell in cells if cell.client.key == client.key}):
            texts = []
            for scene in scenes:
                cell = found.get((client.key, family, tls, scene.number))
                texts.append(cell_text(client, scene, cell))
            rows.append('| %s | %s | %s |' % (name, variant(family, tls), ' | '.join(texts)))
            name = ''
    return '\n'.join(rows)


def cell_text(client, scene, cell):
    if cell is None:
        return '–' if client.only('Skips', scene.number) else ''
    if cell.skipped:
        return 'skipped'
    return ' / '.join([part(cell, 'bare'), *(judged_part(cell, way) for way in WAYS)])


def judged_part(cell, way):
    if way not in cell.client.ways:
        return '–'
    return {'XFAIL': 'cannot: ', 'FAIL': '**fails**: '}.get(cell.verdict_of(way), '') + part(cell, way)


def part(cell, way):
    seen = cell.seen.get(way)
    if not seen or 'waits' not in seen:
        return '?'
    if seen['waits']:
        return 'waits'
    seconds = seen['whole'] if cell.scene.expects == SAME else seen['seconds']
    text = '%d, %.1f s' % (seen['status'], seconds)
    tries = seen['tries'] or sum(one['length'] > 0 for one in seen['connections'] if one['stopped_at'])
    if cell.scene.expects == ENDS and tries > 1:
        text += ', %d tries' % tries
    return text


def notes(every, cells):
    """What the clients' own files say."""
    here = {cell.client.key for cell in cells}
    lines = {title: [] for _, title in (*KINDS, ('Note', 'Notes'))}
    for client in every:
        if client.key not in here:
            continue
        for number in SCENES:
            for key, title in KINDS:
                if client.only(key, number):
                    lines[title].append('- %s, %d: %s' % (client.name, number, client.only(key, number)))
        if 'Note' in client.said:
            lines['Notes'].append('- %s: %s' % (client.name, client.said['Note']))
    return ''.join('\n## %s\n\n%s\n' % (title, '\n'.join(grouped(all_of))) for title, all_of in lines.items() if all_of)


def grouped(lines):
    """The same said of several scenes of a client, once."""
    seen = {}
    for line in lines:
        start, _, text = line.partition(': ')
        name, _, number = start.rpartition(', ')
        seen.setdefault((name or start, text), []).append(number if name else '')
    for (name, text), scenes in seen.items():
        yield '%s: %s' % (', '.join([name, *filter(None, scenes)]), text)


def versions(every, absent):
    packages = sorted({package for client in every for package in client.packages})
    lines = []
    for package in packages:
        version = output('dpkg-query', '-W', '-f', '${Version}', package)
        if version:
            lines.append('%s %s' % (package, version))
    text = '\n## Versions\n\n%s.\n' % ', '.join(lines)
    if absent:
        text += '\nNot here: %s.\n' % ', '.join('%s (no %s)' % (client.name, missing) for client, missing in absent)
    return text
