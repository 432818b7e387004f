# SPDX-License-Identifier: MIT
"""A real server's process: at a port of 127.0.0.1, with a folder of its own, and gone when this process is."""
import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time

from process import die_with_parent

START_SECONDS = 30
SECONDS_BETWEEN_LOOKS = 0.01
# Between finding a free port and taking it another may have taken it.
MOST_STARTS = 5


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def user_of(*names):
    """The first of these that is here, for servers that refuse to be root; None for whoever is not root."""
    if os.geteuid():
        return None
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError('there is none of the users ' + ', '.join(names))


def as_user(user):
    """What subprocess has to be told of it."""
    return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []} if user else {}


def make_folder(path, user, mode=0o700):
    os.mkdir(path, mode)
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def keep_quiet(argv, **how):
    """Run something that has to succeed."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False, **how)
    if done.returncode:
        raise RuntimeError('%s ended with %d: %s' % (argv[0], done.returncode, done.stdout[-1000:]))
    return done.stdout


class Daemon:
    """`argv` is a function of the port, `is_ready` one of this that tells whether clients may come, and `ends_by` the
    signal that makes it end at once and leave nothing behind."""

    def __init__(self, folder, argv, is_ready, user=None, ends_by=signal.SIGKILL):
        self.said = os.path.join(folder, 'server-said')
        self.ends_by = ends_by
        for _ in range(MOST_STARTS):
            # Popen calls preexec_fn after the change of the user, which would undo what it does.
            self.port = free_port()
            with open(self.said, 'w', encoding='utf-8') as said:
                self.process = subprocess.Popen(argv(self.port), cwd=folder, stdin=subprocess.DEVNULL, stdout=said,
                                                stderr=said, start_new_session=True, **as_user(user),
                                                preexec_fn=lambda: die_with_parent(ends_by))
            if self.wait_until_ready(is_ready):
                return
        with open(self.said, encoding='utf-8', errors='replace') as said:
            raise RuntimeError('the server does not start: ' + said.read()[-2000:])

    def wait_until_ready(self, is_ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if is_ready(self):
                return True
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self.stop()
        return False

    def listens(self):
        """For what is ready as soon as it listens."""
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.port)):
            return True
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.ends_by)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
