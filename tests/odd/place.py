# SPDX-License-Identifier: MIT
"""Where one case is played: a folder, programs under the library or not, and what they said."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

SKIPPED = 77
# How a program is run, if its scene says nothing else. `verbose` is for those in a sandbox: telling takes system calls.
BARE, INERT, LIMITS, VERBOSE = 'bare', 'library alone', 'limits', 'limits and verbose'
CASES = (BARE, INERT, LIMITS)
SECONDS_TO_START = 20
SECONDS_TO_END = 60
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'programs')


class Impossible(Exception):
    """This case cannot be played here; why."""


class Failure(Exception):
    """What went wrong."""


class Place:
    def __init__(self, build, case, folder, isolated):
        self.case = case
        self.folder = folder
        self.isolated = isolated   # in namespaces of its own, with nothing but the loopback in its network
        self.command = os.path.join(build, 'sndtimeo')
        self.step = 'start'
        self.options = ['-c', '5', '-s', '30']
        self.started = []
        self.logs = []
        # A copy, because whoever runs the program may not be let into the build tree.
        self.library = shutil.copy(os.path.join(build, '.libs', 'libsndtimeo.so'), folder)
        os.chmod(self.library, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- under the library

    def limited(self):
        return self.case not in (BARE, INERT)

    def settings(self):
        if self.case == LIMITS:
            return {'SNDTIMEO_CONNECT': '5', 'SNDTIMEO_SEND': '30'}
        if self.case == VERBOSE:
            return {'SNDTIMEO_CONNECT': '5', 'SNDTIMEO_SEND': '30', 'SNDTIMEO_VERBOSE': '1'}
        return {}

    def environment(self, **more):
        """For a program that is not begun by the command: the library is first."""
        preload = {} if self.case == BARE else {'LD_PRELOAD': self.library}
        return {**os.environ, **preload, **self.settings(), **more}

    def by_command(self, argv, other=None):
        """Begun by the command, where there are limits to give. Another library may come after ours."""
        if self.case in (BARE, INERT):
            preload = ([] if self.case == BARE else [self.library]) + ([other] if other else [])
            return ['env', 'LD_PRELOAD=' + ':'.join(preload)] + argv if preload else argv
        before = ['env', 'LD_PRELOAD=' + other] if other else []
        return before + [self.command] + self.options + (['--verbose'] if self.case == VERBOSE else []) + ['--'] + argv

    # ---- programs

    def run(self, argv, seconds=SECONDS_TO_END, succeeds=True, **how):
        """Returns what it wrote to standard output and error, and its status. Out of time, all of its session ends."""
        with subprocess.Popen(argv, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True,
                              **how) as process:
            try:
                said = process.communicate(timeout=seconds)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if succeeds and process.returncode:
            raise Failure('%s ended with %d: %s' % (' '.join(argv)[:300], process.returncode, said[-2000:]))
        return subprocess.CompletedProcess(argv, process.returncode, said)

    def start(self, argv, name, port=None, **how):
        """A server; returns when it listens at the port of 127.0.0.1."""
        log = self.path(name + '.log')
        self.logs.append(log)
        # Through a pipe: in its sandbox a server may be allowed no byte in a file (sshd, by RLIMIT_FSIZE).
        with open(log, 'w', encoding='utf-8') as said:
            writer = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=said)
        with writer.stdin as said:
            process = subprocess.Popen(argv, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **how)
        self.started += [process, writer]
        deadline = time.monotonic() + SECONDS_TO_START
        while port is not None and time.monotonic() < deadline:
            if process.poll() is not None:
                raise Failure('%s ended with %d' % (name, process.returncode))
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port)):
                return process
            time.sleep(0.02)
        if port is not None:
            raise Failure('%s does not listen' % name)
        return process

    def stop(self):
        for process in self.started:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
            process.kill()
            process.wait()

    def said(self, name):
        with open(self.path(name + '.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def all_said(self):
        for log in self.logs:
            with open(log, encoding='utf-8', errors='replace') as f:
                yield '%s:\n%s' % (os.path.basename(log), f.read()[-3000:])

    def build(self, source, *options):
        """A program of programs/."""
        program = self.path(source.split('.')[0])
        self.run(['cc', '-O1', '-g', '-pthread', '-D_GNU_SOURCE', os.path.join(PROGRAMS, source), '-o', program,
                  *options])
        return program

    # ---- what is expected

    def expect(self, good, text):
        if not good:
            raise Failure(text)

    def expect_same(self, one, other):
        with open(one, 'rb') as first, open(other, 'rb') as second:
            self.expect(first.read() == second.read(), '%s and %s differ' % (one, other))

    def payload(self, size=5_000_000):
        path = self.path('payload')
        with open(path, 'wb') as f:
            f.write(os.urandom(size))
        return path

    def need_root(self, why):
        if os.geteuid():
            raise Impossible('it takes root, because ' + why)
        if not self.isolated:
            raise Impossible('it takes namespaces of its own')


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]
