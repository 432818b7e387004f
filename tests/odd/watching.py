# SPDX-License-Identifier: MIT
"""A watcher outside (sndtimeo --outside, --attach) of programs/hostile.c: how they are run, and what they have to say."""
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import time

import place

LIMIT_SECONDS = 1.5
# A look, and the kernel's timer; and a machine on which other cases run.
LATEST_SECONDS = LIMIT_SECONDS + 1.2
# All of them take some seconds.
SECONDS = 20
OPTIONS = ('-c', '5', '-s', str(LIMIT_SECONDS))
NUMBER = ('sh', '-c', 'echo "number $$"; exec "$@"', 'sh')
WATCHED = re.compile(r'^sndtimeo: watching ', re.MULTILINE)


class Scene:
    """The programs, where everybody may run them."""

    def __init__(self, here):
        self.here = here
        self.command = shutil.copy(here.command, here.path('sndtimeo'))
        self.refuse = here.build('refuse.c')
        self.hostile = here.build('hostile.c')
        self.touched = here.path('touched')
        os.chmod(here.folder, 0o777)

    def refusing(self, error, *calls):
        return [self.refuse, error, ','.join(calls)]

    # ---- the command

    def watch(self, before, *arguments):
        return [*before, self.command, *OPTIONS, *arguments]

    def run(self, argv, **how):
        return self.here.run(argv, seconds=SECONDS, **how)

    def start(self, argv, name):
        """Returns the process, whose words are at said(name)."""
        with open(self.here.path(name + '.log'), 'w', encoding='utf-8') as log:
            process = subprocess.Popen(argv, cwd=self.here.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.here.logs.append(log.name)
        self.here.started.append(process)
        return process

    def said(self, name):
        with open(self.here.path(name + '.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def await_said(self, name, pattern, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.said(name), re.MULTILINE):
                return found
            time.sleep(0.01)
        raise place.Failure('%s did not say %s: %s' % (name, pattern, self.said(name)))

    # ---- what is expected

    def expect_ended(self, said, name='hostile', what='stalled', errors='Connection timed out', count=1):
        """In time, and told once each, with the name and a number. Returns the number."""
        took = re.search(r'^%s: (?:%s) after (\d+) ms$' % (what, errors), said, re.MULTILINE)
        self.here.expect(took and LIMIT_SECONDS * 970 <= int(took.group(1)) <= LATEST_SECONDS * 1000, said)
        told = re.findall(r'^sndtimeo: %s\[(\d+)\]: send to 127\.0\.0\.1:\d+ timed out after (\d+\.\d) s: '
                          % re.escape(name), said, re.MULTILINE)
        self.here.expect(len(told) == count, said)
        return int(told[0][0])

    def expect_unharmed(self, said, what='stalled'):
        self.here.expect(re.search(r'^%s: waits, option 0$' % what, said, re.MULTILINE), said)

    def expect_refused(self, before, advice, program=None):
        """Neither a command nor the process @p program is watched, and what would help is said; nothing is run or touched."""
        here = self.here
        if program is None:
            here.step = '--outside --check'
            done = self.run(self.watch(before, '--outside', '--check', '--', 'true'), succeeds=False)
            here.expect(done.returncode == 1 and re.search('cannot be limited.* from outside: .*' + advice, done.stdout),
                        '%d: %s' % (done.returncode, done.stdout))
            here.step = '--outside'
            done = self.run(self.watch(before, '--outside', '--', 'touch', self.touched), succeeds=False)
            here.expect(done.returncode == 125 and re.search('cannot be limited from outside: .*' + advice, done.stdout),
                        '%d: %s' % (done.returncode, done.stdout))
            here.expect(not os.path.exists(self.touched), 'the command was run')
        else:
            here.step = '--attach'
            done = self.run(self.watch(before, '--attach', str(program)), succeeds=False)
            here.expect(done.returncode == 125 and re.search('^sndtimeo: no .*%s' % advice, done.stdout),
                        '%d: %s' % (done.returncode, done.stdout))

    def expect_outside(self, before, program_before=()):
        """A command is watched: it says that it can be, and a stall is ended, of which it is told by its own number."""
        here = self.here
        here.step = '--outside --check'
        done = self.run(self.watch(before, '--outside', '--check', '--', 'true'))
        here.expect('can be limited from outside' in done.stdout, done.stdout)
        here.step = '--outside'
        self.run(self.watch(before, '--outside', '--', 'touch', self.touched))
        here.expect(os.path.exists(self.touched), 'the command was not run')
        os.remove(self.touched)
        done = self.run(self.watch([*before, *NUMBER], '--outside', '--', *program_before, self.hostile, 'stall'))
        number = self.expect_ended(done.stdout)
        here.expect('number %d\n' % number in done.stdout, done.stdout)

    def expect_attached(self, before, program_before=(), number_of=None):
        """A process that runs is watched, and told of by its number where the watcher is. Returns that."""
        here = self.here
        here.step = '--attach'
        process = self.start([*program_before, self.hostile, 'stall', '1'], 'program')
        self.await_said('program', '^ready$')
        number = number_of(process) if number_of else process.pid
        watcher = self.start(self.watch(before, '--attach', str(number)), 'watcher')
        self.await_said('watcher', WATCHED.pattern + r'hostile\[%d\]: ' % number)
        self.await_said('program', '^stalled: ', LATEST_SECONDS + 3)
        self.here.expect(watcher.wait(10) == 1, self.said('watcher'))
        told = self.expect_ended(self.said('program') + self.said('watcher'))
        here.expect(told == number, self.said('watcher'))
        return number


def nobody():
    account = pwd.getpwnam('nobody')
    return account.pw_uid, account.pw_gid


def as_user():
    """What goes before a command of somebody who may do nothing but what everybody may."""
    if os.geteuid():
        return ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all']
    return ['setpriv', '--reuid=%d' % nobody()[0], '--regid=%d' % nobody()[1], '--clear-groups', '--inh-caps=-all',
            '--bounding-set=-all']


def without_ptrace():
    return ['setpriv', '--inh-caps=-sys_ptrace', '--bounding-set=-sys_ptrace']


def need_no_yama():
    """Whoever is no child, and did not ask for it, may be looked into by root alone there."""
    with contextlib.suppress(OSError), open('/proc/sys/kernel/yama/ptrace_scope', encoding='ascii') as f:
        if f.read().strip() != '0':
            raise place.Impossible('Yama forbids it here')
