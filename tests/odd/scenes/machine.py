# SPDX-License-Identifier: MIT
"""A whole machine.

The library is in /etc/ld.so.preload, and what counts is in its file of rules and settings: nothing is in the environment, but where
a user says otherwise. Both files are put over those of the machine in a mount namespace.
"""
import os
import re
import subprocess

import peers
import place

PACKAGES = ('gcc', 'libc6-dev')
NEEDS = ('cc',)
SETTINGS = 'connect=5s send=1s\n'
# What is in the file; None: there is none. Then what is in the environment, and whether a stall ends.
PLACES = {
    'settings': (SETTINGS, {}, True),
    'settings of a rule for all': ('* connect=5s send=1s\nprogram=other off\n', {}, True),
    'no file': (None, {}, False),
    'a program that is spared': ('program=sender off\n' + SETTINGS, {}, False),
    'a program that has its own': ('program=other off; program=sender send=1s\nsend=1m\n', {}, True),
    'a link that is spared': ('program=link off\nprogram=sender send=1s\n' + SETTINGS, {}, False),
    'a user who wants more': (SETTINGS, {'SNDTIMEO_SEND': '60'}, False),
    'a user who wants none of it': (SETTINGS, {'SNDTIMEO_CONFIG': 'off'}, False),
    'a user with another file': (SETTINGS, {'SNDTIMEO_CONFIG': 'own.conf'}, False),
    'asked for by name': (SETTINGS, {'SNDTIMEO_CONFIG': 'default'}, True),
    'a mistake': ('program= off\n' + SETTINGS + 'log=syslgo\n', {}, True),
    'a mistake and a log': ('log=LOG\nprogram= off\n' + SETTINGS, {}, True),
    'a library that was not asked for': (SETTINGS, {}, False),
    'more rights than its caller': (SETTINGS, {}, False),
}
CASES = tuple(PLACES)


def config_of(build):
    """Where the library looks for it: $sysconfdir."""
    with open(os.path.join(build, 'Makefile'), encoding='utf-8') as f:
        variables = dict(re.findall(r'^(prefix|sysconfdir) = (.*)$', f.read(), re.M))
    return os.path.join(variables['sysconfdir'].replace('${prefix}', variables['prefix']), 'sndtimeo.conf')


def put_over(here, folder):
    """What is written there from now on is ours alone."""
    if not os.path.isdir(folder):
        raise place.Impossible('there is no ' + folder)
    over = here.path('over' + folder.replace('/', '-'))
    os.mkdir(over)
    commands = [['mount', '-t', 'tmpfs', 'over', over], ['mkdir', over + '/upper', over + '/work'],
                ['mount', '-t', 'overlay', '-o', 'lowerdir=%s,upperdir=%s/upper,workdir=%s/work' % (folder, over, over), 'over', folder]]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise place.Impossible('nothing may be mounted over %s here: %s' % (folder, done.stderr.strip()))


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def play(here):
    if not here.isolated:
        raise place.Impossible('it takes mounts of its own')
    text, environment, ends = PLACES[here.case]
    sender = here.build('sender.c')
    config = config_of(os.path.dirname(here.command))
    before = []
    if here.case == 'more rights than its caller':
        here.need_root('a program gets more rights there')
        os.chown(sender, 65534, 65534)
        os.chmod(sender, 0o6755)
    if here.case == 'a link that is spared':
        os.symlink(sender, here.path('link'))
        sender = here.path('link')
    put_over(here, '/etc')
    if os.path.dirname(config) != '/etc':
        put_over(here, os.path.dirname(config))
    if text is not None:
        write(config, text.replace('LOG', here.path('log')))
    write(here.path('own.conf'), 'send=60s\n')
    if here.case == 'a library that was not asked for':
        before = ['env', 'LD_PRELOAD=' + here.library]
        write('/etc/ld.so.preload', '# %s\n' % here.library)
    else:
        write('/etc/ld.so.preload', '# the library\n%s\n' % here.library)
    here.limited = lambda: ends

    def argv_of(address, port, size):
        return before + [sender, address, port, size]

    how = {'env': {**os.environ, **environment}}
    peers.expect_whole(here, argv_of, kind=peers.HEALTHY, **how)
    said = peers.expect_end(here, argv_of, 1, 6, **how)
    if here.case == 'a mistake and a log':
        here.expect('sndtimeo' not in said, said)
        with open(here.path('log'), encoding='utf-8') as f:
            said = f.read()
        here.expect(':2:9: ' in said, said)
    here.expect(not ends or 'sndtimeo: sender[' in said, said)
    if here.case == 'a mistake':
        mistakes = [line for line in said.splitlines() if line.startswith('sndtimeo: %s:' % config)]
        here.expect(len(mistakes) == 2 and ':1:9: ' in mistakes[0] and ':3:5: ' in mistakes[1], said)
