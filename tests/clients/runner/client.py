# SPDX-License-Identifier: MIT
"""What a client's file says of it, in the comment it begins with: lines 'Key: value', which may go on indented."""
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMENT = re.compile(r'(?:#|//|/\*|\*/?|--|;)+ ?')
KEY = re.compile(r'(\w+)((?: \d+)*): *(.*)')
# How files of a kind are run, unless they say so.
RUNNERS = {'.sh': 'sh $FILE', '.py': 'python3 -I $FILE', '.rb': 'ruby $FILE', '.pl': 'perl $FILE', '.php': 'php $FILE',
           '.js': 'node $FILE'}
KEYS = {'Client', 'Package', 'Needs', 'Server', 'TLS', 'Role', 'Ways', 'Build', 'Run', 'Idle', 'Ends', 'Resets',
        'Tries', 'Cannot', 'Inside', 'Outside', 'Skips', 'Bare', 'Cures', 'Opening', 'Weight', 'Note'}
# How the limits are held.
WAYS = 'inside', 'outside'


class BadClient(Exception):
    """A client's file does not say what it has to."""


@dataclass
class Client:
    path: str
    said: dict = field(default_factory=dict)       # key: value
    by_scene: dict = field(default_factory=dict)   # (key, scene's number): value

    @property
    def key(self):
        """What it is called on the command line."""
        return os.path.basename(self.path)

    @property
    def name(self):
        return self.said['Client']

    @property
    def server(self):
        return self.said['Server']

    @property
    def tls(self):
        return self.said.get('TLS', 'no')

    @property
    def is_sender(self):
        """Whether it is a server that is tested, as a sender to clients that stop reading."""
        return self.said.get('Role') == 'sender'

    @property
    def ways(self):
        """Those that may reach it."""
        return self.said.get('Ways', ' '.join(WAYS)).split()

    @property
    def idles_by_itself(self):
        return self.said.get('Idle', 'itself') == 'itself'

    @property
    def packages(self):
        return self.said.get('Package', '').split()

    def get(self, key, scene, default=''):
        return self.by_scene.get((key, scene), self.said.get(key, default))

    def only(self, key, scene):
        """What is said for this scene alone."""
        return self.by_scene.get((key, scene), '')

    def excuse(self, way, scene):
        """Why the limit does not reach it this way in this scene, if it says so."""
        return self.only(way.capitalize(), scene) or self.only('Cannot', scene)

    def tries(self, scene):
        """How often it tries by itself, each try with the whole limit."""
        return int(self.get('Tries', scene.number, '1'))

    def run_line(self):
        return self.said.get('Run') or RUNNERS[os.path.splitext(self.path)[1]]

    def missing(self):
        """The first thing it needs that is not here; nothing if it can run."""
        for need in self.said.get('Needs', '').split():
            if not is_here(need):
                return need
        return ''


def is_here(need):
    kind, _, module = need.partition(':')
    if not module:
        return shutil.which(need) or os.path.exists(need)
    if kind == 'php':
        return module in output('php', '-m').split()
    test = {'python3': ['python3', '-I', '-c', 'import ' + module], 'perl': ['perl', '-M' + module, '-e', '1']}[kind]
    return shutil.which(kind) and subprocess.run(test, capture_output=True, check=False).returncode == 0


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout if shutil.which(argv[0]) else ''


def read(path):
    client = Client(path)
    key, scenes = None, []
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f):
            start = COMMENT.match(line)
            if not start:
                if number == 0 and line.startswith('<?php'):
                    continue
                break
            text = line[start.end():].rstrip()
            found = KEY.fullmatch(text)
            if found and found[1] in KEYS:
                key, scenes = found[1], [int(scene) for scene in found[2].split()]
                value = found[3]
            elif key and text.startswith('  '):
                value = ' ' + text.strip()
            else:
                key = None
                continue
            for scene in scenes or [0]:
                if scene:
                    client.by_scene[key, scene] = client.by_scene.get((key, scene), '') + value
                else:
                    client.said[key] = client.said.get(key, '') + value
    for key in 'Client', 'Server':
        if key not in client.said:
            raise BadClient('%s: its first comment has no line "%s: ..."' % (os.path.basename(path), key))
    return client


def read_all():
    """All there are, by name."""
    files = [os.path.join(FOLDER, name) for name in sorted(os.listdir(FOLDER))]
    return sorted((read(path) for path in files if os.path.isfile(path) and not path.endswith('check.py')
                   and not os.path.basename(path).startswith('.')), key=lambda client: client.name.lower())
