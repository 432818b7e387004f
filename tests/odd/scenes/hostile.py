# SPDX-License-Identifier: MIT
"""Hostile programs under a watcher outside.

They waste its time, and nothing else: what is healthy arrives whole, what stalls is ended, and nobody else is touched.
"""
import os
import re

import peers
import place
import watching

PACKAGES = ('gcc', 'libc6-dev', 'util-linux')
NEEDS = ('cc',)


def name(scene):
    """What a terminal obeys is not in what is told, nor a line that is not ours; as JSON neither."""
    for more in (), ('--log-format', 'json'):
        done = scene.run(scene.watch([], '--verbose', '--summary', *more, '--outside', '--', scene.hostile, 'name'))
        scene.here.expect('timed out after' in done.stdout or '"send"' in done.stdout, done.stdout)
        scene.here.expect(not re.search(r'[^\n -~]', done.stdout), repr(done.stdout))
        strange = [line for line in done.stdout.splitlines() if not re.match(r'sndtimeo: |stalled: |\{.*\}$', line)]
        scene.here.expect(not strange, done.stdout)
    scene.here.step = '--attach'
    program = scene.start([scene.hostile, 'name', '1'], 'program')
    scene.await_said('program', '^ready$')
    done = scene.run(scene.watch([], '--attach', str(program.pid)), succeeds=False)
    scene.here.expect(done.returncode == 1 and not re.search(r'[^\n -~]', done.stdout), repr(done.stdout))


def storm(scene, mode, *errors):
    """Its healthy connections arrive whole beside it."""
    crowd = peers.Crowd()
    done = scene.run(scene.watch([], '--outside', '--', scene.hostile, mode, str(crowd.port)))
    told = scene.expect_ended(done.stdout, errors='|'.join(('Connection timed out',) + errors))
    bytes_sent, rounds = (int(re.search('^%s: (\\d+)$' % word, done.stdout, re.MULTILINE).group(1))
                          for word in ('healthy', 'rounds'))
    crowd.expect_whole(scene.here, bytes_sent)
    scene.here.expect(rounds >= 100 and told, done.stdout)


def forks(scene):
    storm(scene, 'storm')


def options(scene):
    # With an option of its own it is ours to end.
    storm(scene, 'options', 'Connection reset by peer', 'Broken pipe')


def numbers(scene):
    storm(scene, 'reopen')


def lingering(scene):
    """Nobody makes the watcher wait in a close() of its own; it ends with its family."""
    done = scene.run(scene.watch([], '--outside', '--', scene.hostile, 'linger'))
    scene.expect_ended(done.stdout)


def crowd(scene):
    """A watcher that has no descriptors for all processes of its family limits those that it has."""
    before = ['sh', '-c', 'ulimit -n 40; exec "$@"', 'sh']
    done = scene.run(scene.watch(before, '--outside', '--', scene.hostile, 'crowd'))
    took = [int(ms) for ms in re.findall(r'^stalled: Conn.* after (\d+) ms$', done.stdout, re.MULTILINE)]
    scene.here.expect(len(took) == 10 and max(took) <= watching.LATEST_SECONDS * 1000, done.stdout)
    scene.here.expect('or any more (' in done.stdout and done.stdout.count('send to ') == 10, done.stdout)


def memory(scene):
    """It lets nobody wait for what it does not provide."""
    done = scene.run(scene.watch([], '--outside', '--', scene.hostile, 'memory'), succeeds=False)
    if done.returncode == place.SKIPPED:
        raise place.Impossible('no userfaultfd is to be had here')
    scene.expect_ended(done.stdout)


def another_program(scene):
    """It has the same kind of stall, and belongs to nobody's family: neither a verdict nor an option."""
    other = scene.start([scene.hostile, 'unwatched'], 'other')
    done = scene.run(scene.watch([], '--outside', '--', scene.hostile, 'stall'))
    scene.expect_ended(done.stdout)
    other.wait(10)
    scene.expect_unharmed(scene.said('other'))


def number_again(scene):
    """A process that gets the number of one that was watched is another one, while the watcher is there."""
    last = '/proc/sys/kernel/ns_last_pid'
    if not scene.here.isolated or not os.path.exists(last):
        raise place.Impossible('no process can be given a number here')
    first = scene.start([scene.hostile, 'stall', '1'], 'first')
    second = scene.start(['sleep', '100'], 'second')
    scene.await_said('first', '^ready$')
    watcher = scene.start(scene.watch([], '--attach', '%d,%d' % (first.pid, second.pid)), 'watcher')
    scene.await_said('watcher', watching.WATCHED.pattern + r'sleep\[')
    first.kill()
    first.wait()
    for _ in range(100):
        with open(last, 'w', encoding='ascii') as f:
            f.write(str(first.pid - 1))
        other = scene.start([scene.hostile, 'unwatched'], 'other')
        if other.pid == first.pid:
            break
        other.kill()
        other.wait()
    else:
        raise place.Impossible('no process can be given a number here')
    scene.await_said('other', '^stalled: ')
    scene.expect_unharmed(scene.said('other'))
    scene.here.expect(watcher.poll() is None, scene.said('watcher'))


PLACES = {
    'names for terminals': name,
    'forks, execs and closes': forks,
    'options back and forth': options,
    'a number for many connections': numbers,
    'ends that linger': lingering,
    'more processes than descriptors': crowd,
    'memory that nobody provides': memory,
    'another program': another_program,
    'a number that is used again': number_again,
}
CASES = tuple(PLACES)


def play(here):
    PLACES[here.case](watching.Scene(here))
