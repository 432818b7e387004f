# SPDX-License-Identifier: MIT
"""Whether what was seen of a client, bare beside under sndtimeo one way, is what has to come out."""
import re

from scenes import ENDS, NO_HALF, SAME

MOST_CPU = 0.2
# How much earlier than the limit a client may seem to end: when the other end noticed that the stall began.
EARLY = 0.15


# How a program may tell of a disconnect, which is what there is outside where the kernel cannot be made to time out.
RESET = r'(?i)reset|broken.?pipe|EPIPE'


def late(limit, way):
    """How much later than the limit: the machine is busy, and outside the kernel's timer takes its time."""
    return max(0.1 * limit, 1) + (max(0.075 * limit, 0.15) if way == 'outside' else 0)


def judge(client, scene, bare, under, way):
    """What is wrong, in words; nothing if it holds."""
    wrong = {ENDS: ends, SAME: same, NO_HALF: no_half}[scene.expects](client, scene, bare, under, way)
    return '; '.join(part for part in wrong if part)


def ends(client, scene, bare, under, way):
    tries = client.tries(scene)
    limit = scene.seconds
    if not under['stalled']:
        yield 'no stall was seen, it ended with %s after %.1f s' % (under['status'], under['whole'])
        return
    if under['waits']:
        yield 'still waits after %.1f s' % under['seconds']
        return
    if under['seconds'] > tries * (limit + late(limit, way) + under.get('filling', 0)):
        yield 'ended only after %.1f s' % under['seconds']
    # A SYN may be noticed late, so there only what the whole of it took tells anything.
    if under['whole' if scene.blackhole else 'seconds'] < limit - EARLY:
        yield 'ended after %.1f s already' % under['seconds']
    yield reports(client, scene, under, way)
    if under['cpu'] > tries * MOST_CPU:
        yield 'took %.2f s of processor time to wait' % under['cpu']
    if not scene.loses:
        yield clean_ends(under)


def reports(client, scene, seen, way):
    """Whether it told of the failure as it does of a timeout, or from outside of a reset."""
    endings = [client.get('Ends', scene.number, 'any')]
    if way == 'outside':
        endings += [endings[0].split()[0] + ' ' + RESET, client.get('Resets', scene.number, endings[0])]
    wrong = [differs(ending, seen) for ending in endings]
    return wrong[0] if all(wrong) else ''


def differs(ending, seen):
    statuses, _, pattern = ending.partition(' ')
    if statuses != 'any' and str(seen['status']) not in statuses.split(','):
        return 'exit status %s instead of %s' % (seen['status'], statuses)
    if not re.search(pattern, seen['output']):
        return 'does not say %r' % pattern
    return ''


def clean_ends(seen):
    """A connection that was stopped has to end with a reset, or the server would take half for the whole."""
    halves = [one for one in seen['connections'] if one['stopped_at'] is not None and one['end'] == 'eof']
    if halves:
        return 'the peer saw a clean end after %d bytes' % halves[0]['length']
    return ''


def same(client, scene, bare, under, way):
    cures = client.only('Cures', scene.number)
    if cures and way == 'inside':
        yield cured(scene, under)
        return
    if bare['waits'] or under['waits']:
        yield 'not done after %d s (%s)' % (scene.patience, 'bare' if bare['waits'] else 'under')
        return
    if bare['status'] != under['status']:
        yield 'exit status %s, bare %s' % (under['status'], bare['status'])
    if without_numbers(bare['output']) != without_numbers(under['output']):
        yield 'says something else than bare'
    if sorted(bare['received']) != sorted(under['received']):
        yield 'the peer received %s, of bare %s' % (brief(under), brief(bare))
    if cures or client.only('Bare', scene.number):
        return   # it says why nothing comes of it
    if bare['status']:
        yield 'bare it failed, too'
    if not bare['received']:
        yield 'the peer received nothing, of bare neither'


def cured(scene, under):
    """Bare its own limit may cut it, which ours takes the place of; from outside it cannot."""
    if under['waits'] or under['status'] or [length for length, _ in under['received']] != [scene.size]:
        return 'it has to succeed: exit status %s, the peer received %s' % (under['status'], brief(under))
    return ''


def without_numbers(output):
    """What programs say of durations, ports and processes is never twice the same."""
    return re.sub(r'[0-9][0-9.:]*', '#', output)


def brief(seen):
    return ', '.join('%d bytes %.8s' % tuple(one) for one in seen['received']) or 'nothing'


def waited_too_long(scene, tries, under, way):
    """If it went on to fill its buffers until shortly before the peer went on, it had not to wait for so long."""
    filling = under.get('filling', 0)
    return (filling + scene.seconds < scene.script.resume_after and
            under['seconds'] > tries * (scene.seconds + late(scene.seconds, way) + filling))


def no_half(client, scene, bare, under, way):
    tries = client.tries(scene)
    if under['waits']:
        yield 'still waits after %.1f s' % under['seconds']
    elif waited_too_long(scene, tries, under, way):
        yield 'ended only after %.1f s' % under['seconds']
    whole = bare['received']
    if not whole and not client.only('Bare', scene.number):
        yield 'bare the peer received nothing'
    if any(one not in whole for one in under['received']):
        yield 'the peer took this for an upload: ' + brief(under)
    elif not under['received']:
        yield clean_ends(under)
