#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run quickstart where nothing is real but the shell and its small tools: what it installs with, builds and tests are
scripts that do what a system of some kind would do. Says what came of it as TAP.

usage: quickstart.py QUICKSTART      (SHELLS="dash bash" in the environment: under these)
"""
import contextlib
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

QUICKSTART = os.path.abspath(sys.argv[1])
TOOLS = 'awk cat date dirname env find grep id kill ln ls mkdir mktemp nproc readlink rm sed sh sleep tail touch tr true'.split()
BUILD_TOOLS = 'gcc autoconf automake libtoolize openssl ip'.split()

SCRIPTS = {
    'pkg-config': 'test -e ../criterion || test -e criterion',
    'bootstrap': 'echo bootstrap >>ran; touch configure Makefile.in; chmod +x configure; cp configure.in configure',
    'configure.in': '''\
echo configure >>../ran
echo made >config.status
{ echo "abs_top_builddir = $PWD"; echo 'PYTHON = /bin/true'
  if test -e ../criterion; then echo 'HAVE_CRITERION_TRUE = '; else echo 'HAVE_CRITERION_TRUE = #'; fi; } >Makefile''',
    'make': '''\
echo "make $*" >>../ran
case $* in
*-s*check)
	echo 'PASS: tests/one 1 - fine'
	echo 'SKIP: tests/one 2 - not here'
	test ! -e ../slow || sleep "$(cat ../slow)"
	test ! -e ../failing || echo 'FAIL: tests/one 3 - wrong'
	echo 'Testsuite summary'
	echo '# PASS:  1'
	test ! -e ../failing ;;
*) test ! -e ../broken || { cat ../broken; exit 2; } ;;
esac''',
    'apt-get': '''\
case $* in
-s*) echo 'Inst gcc'; echo 'Inst cpp'; echo 'Inst libcriterion-dev' ;;
*update*) test ! -e offline || cat offline ;;
*) test ! -e unwilling || { cat unwilling; exit 100; }
   for name in gcc ip; do cp willing/$name bin/; done; touch criterion ;;
esac''',
    'sudo': 'test ! -e refused && "$@"',
}


class System:
    """A folder with quickstart in it, and all commands that there are."""

    def __init__(self, shell, lacking=(), apt=False, sudo=False, user=0, os_release='ID=debian', **files):
        self.shell = shell
        self.folder = tempfile.mkdtemp(prefix='quickstart.')
        self.bin = os.path.join(self.folder, 'bin')
        os.makedirs(self.bin)
        os.makedirs(os.path.join(self.folder, 'willing'))
        shutil.copy(QUICKSTART, self.folder)
        for tool in [*TOOLS, 'chmod', 'cp']:
            if os.path.isfile(shutil.which(tool) or ''):
                os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
        self.script('id', 'echo %d' % user, replace=True)
        for tool in BUILD_TOOLS:
            self.script(tool, ':', where='willing' if tool in lacking else 'bin')
        for name in 'pkg-config', 'make', *(['apt-get'] if apt else []), *(['sudo'] if sudo else []):
            if name not in lacking:
                self.script(name, SCRIPTS[name])
        for name in 'bootstrap', 'configure.in':
            self.script(name, SCRIPTS[name], where='.')
        self.write('os-release', os_release + '\n')
        self.write('requests.py')   # the real one takes its time
        for name, text in files.items():
            self.write(name, text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text=''):
        with open(self.path(name), 'w') as f:
            f.write(text)

    def read(self, name):
        try:
            with open(self.path(name)) as f:
                return f.read()
        except OSError:
            return ''

    def script(self, name, text, where='bin', replace=False):
        path = self.path(os.path.join(where, name))
        if replace and os.path.islink(path):
            os.unlink(path)
        with open(path, 'w') as f:
            f.write('#!/bin/sh\n%s\n' % text)
        os.chmod(path, 0o755)

    def environment(self, **more):
        return {'PATH': self.bin, 'HOME': self.folder, 'QUICKSTART_OS_RELEASE': self.path('os-release'),
                'PYTHONPATH': self.folder, **more}

    def command(self, *arguments):
        return [shutil.which(self.shell), self.path('quickstart'), *arguments]

    def run(self, *arguments, **environment):
        done = subprocess.run(self.command(*arguments), env=self.environment(**environment), cwd='/', text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout

    def in_terminal(self, *arguments, interrupt_when=None, **environment):
        """Its status, what it printed, whether the terminal was left as it was, and what still runs."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.command()[0], self.command(*arguments), self.environment(**environment))
        before = termios.tcgetattr(terminal)
        text = b''
        while True:
            try:
                text += os.read(terminal, 4096)
            except OSError:
                break
            if interrupt_when and interrupt_when in text:
                interrupt_when = None
                time.sleep(0.3)
                os.write(terminal, b'\x03')
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return status, text.decode(), before == self.attributes(terminal, before), self.survivors()

    @staticmethod
    def attributes(terminal, before):
        try:
            return termios.tcgetattr(terminal)
        except termios.error:   # a kernel that forgets a terminal with its last user
            return before

    def running(self):
        """What of it runs now."""
        found = []
        for name in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/environ' % name, 'rb') as f:
                    if os.fsencode(self.bin) in f.read():
                        found.append(name)
            except OSError:
                pass
        return found

    def survivors(self):
        """What of it still runs; a sleep that is about to end does not count."""
        for _ in range(100):
            time.sleep(0.1)
            found = self.running()
            if not found:
                break
        return found

    def tickers(self):
        """Those of them that talk to whoever started quickstart: the tests write into a log."""
        found = []
        for pid in self.running():
            with contextlib.suppress(OSError):
                found += [pid] if os.readlink('/proc/%s/fd/1' % pid).startswith('pipe:') else []
        return found

    def remove(self):
        shutil.rmtree(self.folder)


class Results:
    def __init__(self):
        self.count = 0

    def check(self, good, name, said=''):
        self.count += 1
        print('%sok %d - %s' % ('' if good else 'not ', self.count, name), flush=True)
        if not good:
            for line in str(said).splitlines():
                print('#   ' + line)


def named_packages(shell, check):
    """Where there is no apt-get: the one command, in the words of that system."""
    for os_release, words in (
            ('ID=fedora', 'dnf install gcc criterion-devel iproute'),
            ('ID="rocky"\nID_LIKE="rhel centos fedora"', 'dnf install gcc criterion-devel iproute'),
            ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', 'zypper install gcc libcriterion-devel iproute2'),
            ('ID=arch', 'pacman -S gcc criterion iproute2'),
            ('NAME=Manjaro\nID=manjaro\nID_LIKE=arch', 'pacman -S gcc criterion iproute2'),
            ('ID=alpine', 'apk add gcc criterion-dev iproute2'),
            ('ID=linuxmint\nID_LIKE="ubuntu debian"', 'apt-get install gcc libcriterion-dev iproute2'),
            ('ID=other', 'under the names that your system has for them: gcc libcriterion-dev iproute2')):
        system = System(shell, lacking=('gcc', 'ip'), os_release=os_release)
        status, said = system.run('check')
        # Headers are missing where there is no compiler to look with.
        last = re.sub(r' (libc6-dev|glibc-devel|linux-api-headers|musl-dev linux-headers)', '', said.strip().splitlines()[-1])
        check(status == 1 and last.endswith(words), '%s: %s' % (os_release.replace('\n', ' '), words), said)
        system.remove()


def wanted_packages(shell, check):
    system = System(shell)
    status, said = system.run('demo')
    check(status == 0 and 'missing' not in said, 'the demo wants no Criterion', said)
    status, said = system.run('check')
    check(status == 1 and 'libcriterion-dev' in said, 'the tests do', said)
    system.write('criterion')
    system.write('ran')
    status, said = system.run('check')
    check(status == 0 and system.read('ran').startswith('configure\n'), 'configure runs again once it is there', said)
    system.write('ran')
    status, said = system.run('check')
    check(status == 0 and 'bootstrap' not in system.read('ran') and 'configure' not in system.read('ran'),
          'and no more after that', said)
    os.unlink(system.path('Makefile.in'))
    status, said = system.run('demo')
    check(status == 0 and 'bootstrap' in system.read('ran'), 'a ./configure that was not finished is made again', said)
    system.remove()


def installation(shell, check):
    system = System(shell, lacking=('gcc', 'ip'), apt=True)
    status, said = system.run('check')
    check(status == 0 and 'installing 3 packages' in said, 'apt-get: how many packages', said)
    check('\r' not in said and '\x1b' not in said and re.search(r'^quickstart:   \d+ s$', said, re.M),
          'plain lines, with seconds, where there is no terminal', repr(said))
    system.remove()
    system = System(shell, lacking=('gcc',), apt=True, sudo=True, user=1000)
    status, said = system.run('demo')
    check(status == 0, 'sudo installs', said)
    system.remove()
    for name, words, options in (
            ('no root and no sudo', 'you are not root, and there is no sudo; have an administrator run: apt-get install', {'user': 1000}),
            ('a sudo that refuses', 'an administrator run: apt-get install', {'user': 1000, 'sudo': True, 'refused': ''}),
            ('no network', 'there is no network', {'offline': "W: Temporary failure resolving 'deb'\n",
                                                   'unwilling': 'E: Unable to locate package gcc\n'}),
            ('an interrupted dpkg', 'run dpkg --configure -a as root',
             {'unwilling': "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\n"}),
            ('another apt-get', 'another program is installing', {'unwilling': 'E: Could not get lock /var/lib/dpkg/lock\n'}),
            ('no space for packages', 'no space is left', {'unwilling': "E: You don't have enough free space in /var.\n"}),
            ('no Criterion', './quickstart demo does without', {'unwilling': 'E: Unable to locate package libcriterion-dev\n'}),
            ('no such packages', 'Ubuntu: universe', {'unwilling': 'E: Unable to locate package automake\n'}),
            ('what nobody foresaw', 'send us that file', {'unwilling': 'E: odd\n'})):
        system = System(shell, lacking=('gcc',), apt=True, **options)
        status, said = system.run('check')
        check(status == 1 and words in said.splitlines()[-1], '%s: %s' % (name, words), said)
        if 'unwilling' in options:
            check(options['unwilling'].strip() in said, '%s: and what was said' % name, said)
        system.remove()


def building(shell, check):
    for name, words, options in (
            ('an old compiler', 'a later compiler is needed', {'broken': 'configure: error: C11 is needed, with <stdatomic.h>\n'}),
            ('a small machine', 'for want of memory', {'broken': 'gcc: fatal error: Killed signal terminated program cc1\n'}),
            ('a full disk', 'no space is left', {'broken': 'as: cannot write: No space left on device\n'}),
            ('a folder of somebody else', 'not yours to write', {'broken': 'ld: cannot open x.so: Permission denied\n'})):
        system = System(shell, **options)
        status, said = system.run('demo')
        check(status == 1 and words in said.splitlines()[-1], '%s: %s' % (name, words), said)
        system.remove()
    system = System(shell, build='')
    status, said = system.run('demo')
    check(status == 1 and 'cannot write in' in said and len(said.splitlines()) == 1, 'a build/ that cannot be made', said)
    system.remove()
    system = System(shell)
    os.mkdir(system.path('build'))
    os.symlink('/dev/full', system.path('build/quickstart.log'))
    status, said = system.run('demo')
    check(status == 1 and 'a full disk' in said and len(said.splitlines()) == 1, 'a disk that is full from the start', said)
    system.remove()


def testing(shell, check):
    system = System(shell, criterion='', slow='3')
    status, said, tidy, left = system.in_terminal('check', TERM='xterm')
    check(status == 0 and re.search(r'\.\.\. 1 passed, 0 failed, 1 skipped, [1-9]', said), 'in a terminal, tests are counted as they run', said)
    check(said.splitlines()[-1] == '# PASS:  1', "Automake's summary is the end", said)
    check('PASS: tests/one' not in said and 'SKIP: tests/one 2' in said, 'what was skipped is named, what passed is not', said)
    status, said, tidy, left = system.in_terminal('check', TERM='dumb')
    check(status == 0 and '\x1b' not in said and '\r' not in said.replace('\r\n', '\n'), 'a dumb terminal gets plain lines', repr(said))
    os.unlink(system.path('slow'))
    system.write('failing')
    status, said = system.run('check')
    check(status == 1 and '1 passed, 1 failed, 1 skipped' in said and 'FAIL: tests/one 3' in said and 'test-suite.log' in said,
          'what failed is counted and named, with where to look', said)
    system.remove()


def interruption(shell, check):
    system = System(shell)
    system.script('bootstrap', 'touch configure Makefile.in; chmod +x configure; sleep 60', where='.')
    status, said, tidy, left = system.in_terminal('demo', interrupt_when=b'bootstrap', TERM='xterm')
    check(status == 130 and 'interrupted' in said and not os.path.exists(system.path('configure')),
          'Ctrl-C while ./configure is made leaves no half of it', said)
    check(tidy and not left, 'and nothing that runs, and a terminal as before', left)
    system.remove()
    system = System(shell, criterion='', slow='60')
    status, said, tidy, left = system.in_terminal('check', interrupt_when=b'1 passed', TERM='xterm')
    check(status == 130 and 'interrupted' in said, 'Ctrl-C while tests run', said)
    check(tidy and not left, 'leaves nothing that runs, and a terminal as before', left)
    os.unlink(system.path('slow'))
    status, said = system.run('check')
    check(status == 0, 'and it goes on from there', said)
    system.write('slow', '60')
    process = subprocess.Popen(system.command('check'), env=system.environment(), stdout=subprocess.PIPE)
    while b'running the tests' not in process.stdout.readline():
        pass
    while 'PASS: tests/one' not in system.read('build/check.log'):
        time.sleep(0.1)
    process.kill()
    process.wait()
    # Nobody can end what it runs then, but what it runs beside that ends by itself.
    tickers = [None]
    for _ in range(10):
        time.sleep(1)
        tickers = tickers and system.tickers()
    check(not tickers, 'SIGKILL leaves no clock that ticks for ever', tickers)
    for pid in system.running():
        os.kill(int(pid), signal.SIGKILL)
    system.remove()


def main():
    results = Results()
    for shell in shlex.split(os.environ.get('SHELLS', 'sh')):
        def check(good, name, said='', shell=shell):
            results.check(good, '%s: %s' % (shell, name), said)
        for scenes in named_packages, wanted_packages, installation, building, testing, interruption:
            scenes(shell, check)
    print('1..%d' % results.count)


main()
