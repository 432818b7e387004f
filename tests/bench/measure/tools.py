# SPDX-License-Identifier: MIT
"""What the bench runs with: the tools, the libraries of others, and the environment of what is measured."""
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

LIMITS = {'SNDTIMEO_SEND': '30', 'SNDTIMEO_CONNECT': '5'}

# Program and the Debian package that has it.
TOOLS = {'valgrind': 'valgrind', 'strace': 'strace', 'strip': 'binutils', 'nginx': 'nginx-light', 'wrk': 'wrk',
         'openssl': 'openssl'}
# Library, package, and what it wants to see in its environment.
PEERS = (
    ('socket_wrapper', 'libsocket_wrapper.so', 'libsocket-wrapper', {}),
    ('tsocks', 'libtsocks.so', 'tsocks', {}),
    ('trickle', 'trickle/trickle-overload.so', 'trickle', {}),
    ('torsocks', 'torsocks/libtorsocks.so', 'torsocks', {'TORSOCKS_ALLOW_INBOUND': '1', 'TORSOCKS_LOG_LEVEL': '1'}),
    ('proxychains4', 'libproxychains.so.4', 'libproxychains4', {}),
)
FOLDERS = ('/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64')


@dataclass
class Preload:
    """A library that a program runs with; none: the bare program."""
    name: str
    library: str = ''
    settings: dict = field(default_factory=dict)

    def variables(self, more=None):
        """What goes into the environment for it."""
        return ({'LD_PRELOAD': self.library} if self.library else {}) | self.settings | (more or {})


def environment(preload=None, more=None):
    """The caller's environment without any setting of ours, and with what PRELOAD needs."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith('SNDTIMEO_') and name != 'LD_PRELOAD'}
    return kept | (preload.variables() if preload else {}) | (more or {})


def missing(names):
    """The tools among NAMES that are not here."""
    return [name for name in names if not shutil.which(name)]


def how_to_get(names):
    """A line for whoever has not got them."""
    packages = sorted({TOOLS[name] for name in names})
    return f"not here: {', '.join(names)} (Debian: apt-get install {' '.join(packages)})"


def peers():
    """The libraries of others that are here, and the packages of those that are not."""
    here, absent = [], []
    for name, file, package, settings in PEERS:
        found = [Path(folder) / file for folder in FOLDERS if (Path(folder) / file).exists()]
        if found:
            here.append(Preload(name, str(found[0]), settings))
        else:
            absent.append(package)
    return here, absent
