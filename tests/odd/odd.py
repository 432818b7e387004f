#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No harm in odd places: real programs that put themselves into a sandbox, have other libraries preloaded, or are run by
tools that look into them. Each is run bare, with the library and nothing set, and with limits; it must do the same.

Each file in scenes/ is such a program: its first line is its name, PACKAGES are the Debian packages it takes, NEEDS the
programs and files, CASES the ways in which it is run, and play() runs it. What is not there is skipped by name.
Every case has processes, mounts and a network of its own, with the loopback alone in it, where the kernel allows that.
"""
import argparse
import concurrent.futures
import contextlib
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True   # the source tree may be read-only
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [HERE]

import place

SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
# All of them wait most of their time, but for Chromium.
JOBS = 3
# Of one case. The slowest takes a fifth of it where nothing else runs.
SECONDS = 120


def read_scenes():
    names = sorted(name[:-3] for name in os.listdir(os.path.join(HERE, 'scenes')) if name.endswith('.py'))
    return [importlib.import_module('scenes.' + name) for name in names]


def key_of(scene):
    return scene.__name__.split('.')[-1]


def missing(scene):
    """The first thing that it needs and that is not there."""
    for needed in scene.NEEDS:
        if not (os.path.exists(needed) if '/' in needed else shutil.which(needed)):
            return needed
    return None


def namespaces():
    """What goes before a command that has processes, mounts and a network of its own; nothing where that is forbidden.
    All that a case starts ends with its namespace."""
    own = ['unshare', '--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child']
    if os.geteuid():
        own += ['--map-current-user', '--keep-caps']
    with contextlib.suppress(OSError):
        if subprocess.run(own + ['ip', 'link', 'set', 'lo', 'up'], capture_output=True, check=False).returncode == 0:
            return own
    return []


class Case:
    def __init__(self, scene, name):
        self.scene = scene
        self.title = '%s, %s' % (scene.__doc__.splitlines()[0].rstrip('.'), name)
        self.name = name
        self.seconds = 0.0
        self.status = None
        self.said = ''

    def play(self, options, own):
        absent = missing(self.scene)
        if absent:
            self.status, self.said = place.SKIPPED, 'there is no %s' % absent
            return self
        folder = tempfile.mkdtemp(prefix='sndtimeo-odd.')
        os.chmod(folder, 0o755)   # some of the programs are run by another user
        began = time.monotonic()
        argv = own + [sys.executable, '-B', os.path.abspath(__file__), '--build', options.build, '--play',
                      key_of(self.scene), self.name, folder] + (['--isolated'] if own else [])
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors='replace', start_new_session=True)
        try:
            self.said = process.communicate(timeout=SECONDS)[0]
            self.status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.said = process.communicate()[0] + 'it did not end in %d s\n' % SECONDS
            self.status = 1
        self.seconds = time.monotonic() - began
        if options.keep:
            self.said += 'kept: %s\n' % folder
        else:
            shutil.rmtree(folder, ignore_errors=True)
        return self


def play_here(options):
    """In the namespaces that were made for it."""
    key, name, folder = options.play
    if options.isolated:
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        # Programs name things by their pid, which is the same in every case.
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=1777', 'odd', '/dev/shm'], check=True)
    os.environ['TMPDIR'] = folder
    here = place.Place(options.build, name, folder, options.isolated)
    try:
        importlib.import_module('scenes.' + key).play(here)
    except place.Impossible as reason:
        print(reason)
        return place.SKIPPED
    except (place.Failure, subprocess.TimeoutExpired, OSError) as failure:
        print('%s: %s' % (here.step, failure))
        for what in here.all_said():
            print(what)
        return 1
    finally:
        here.stop()
    return 0


def tell(number, case):
    good = case.status in (0, place.SKIPPED)
    line = '%s %d - %s' % ('ok' if good else 'not ok', number, case.title)
    if case.status == place.SKIPPED:
        line += ' # SKIP ' + case.said.strip().splitlines()[-1]
    else:
        line += ' # %.1f s' % case.seconds
    print(line, flush=True)
    if not good:
        print('\n'.join('# ' + said for said in case.said.splitlines()[-60:]), flush=True)


def summary(cases):
    """As Automake's, for whoever counts."""
    skips = [case for case in cases if case.status == place.SKIPPED]
    passes = [case for case in cases if case.status == 0]
    for case in skips:
        print('SKIP: %s (%s)' % (case.title, case.said.strip().splitlines()[-1]))
    print('=' * 76, 'Testsuite summary: odd places', '=' * 76, sep='\n')
    print('# TOTAL: %d\n# PASS: %d\n# SKIP: %d\n# FAIL: %d'
          % (len(cases), len(passes), len(skips), len(cases) - len(passes) - len(skips)))
    return int(len(passes) + len(skips) < len(cases))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='.', help='where sndtimeo was built (default: here)')
    parser.add_argument('--only', metavar='REGEX', default='', help='of the cases: "sshd, bare"')
    parser.add_argument('--jobs', type=int, default=JOBS, help='cases at the same time (default %d)' % JOBS)
    parser.add_argument('--keep', action='store_true', help='keep the folders of the runs')
    parser.add_argument('--packages', action='store_true', help='print the Debian packages that all of them take')
    parser.add_argument('--play', nargs=3, help=argparse.SUPPRESS)
    parser.add_argument('--isolated', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    os.environ['PATH'] = SYSTEM_PATH + ':' + os.environ.get('PATH', '')
    # Ours are the only settings.
    for name in [name for name in os.environ if name.startswith('SNDTIMEO_') or name in ('LD_PRELOAD', 'ASAN_OPTIONS')]:
        del os.environ[name]
    if options.play:
        return play_here(options)
    scenes = read_scenes()
    if options.packages:
        print(' '.join(sorted({package for scene in scenes for package in scene.PACKAGES})))
        return 0
    cases = [Case(scene, name) for scene in scenes for name in scene.CASES]
    cases = [case for case in cases if re.search(options.only, '%s, %s' % (key_of(case.scene), case.name))]
    own = namespaces()
    print('1..%d' % len(cases))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, case in enumerate(pool.map(lambda case: case.play(options, own), cases), 1):
            tell(number, case)
    return summary(cases)


if __name__ == '__main__':
    sys.exit(main())
