#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sndtimeo --status --follow, in terminals of our own making, as TAP. From the environment: SNDTIMEO_TEST_LAUNCHER and
SNDTIMEO_TEST_TESTER (make check sets them)."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

LAUNCHER, TESTER = os.environ['SNDTIMEO_TEST_LAUNCHER'], os.environ['SNDTIMEO_TEST_TESTER']
for name in [name for name in os.environ if name.startswith('SNDTIMEO_')]:
    del os.environ[name]

DEADLINE_S = 20
PLAN = 43
count = 0
printing = threading.Lock()


def check(good, name, said=''):
    global count
    with printing:
        count += 1
        print('%sok %d - %s' % ('' if good else 'not ', count, name), flush=True)
        if not good:
            print(''.join('#   %s\n' % line for line in str(said).splitlines()), end='', flush=True)


# ---- who is followed ----

class Peer:
    """Reads slowly, or not at all, or all there is."""

    def __init__(self, pause_s):
        self.pause_s = pause_s
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection = self.listener.accept()[0]
            self.kept.append(connection)
            if self.pause_s is not None:
                threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        with contextlib.suppress(OSError):
            while connection.recv(20000):
                time.sleep(self.pause_s)


@contextlib.contextmanager
def program(script, *options):
    """The tester, under the command if there are options, until the end of the block."""
    process = subprocess.Popen([*([LAUNCHER, '--log=off', *options, '--'] if options else []), TESTER, script])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def sending(peer):
    return 'sock tcp4; connect %d; send send 60000000' % peer.port


# ---- a terminal ----

class Terminal:
    """What a command draws on a terminal of so many columns and lines."""

    def __init__(self, columns, lines, *command, term='xterm', stdin=None):
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.raw = b''
        self.lines, self.at, self.second = [''], (0, 0), False

        def begin():
            os.setsid()
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=stdin or slave, stdout=slave, stderr=slave, preexec_fn=begin,
                                        env={**os.environ, 'TERM': term})

    def resize(self, columns, lines):
        self.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def read(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            with contextlib.suppress(OSError):
                self.take(os.read(self.master, 65536))

    def take(self, data):
        self.raw += data
        for code, text in re.findall(rb'(\x1b\[\??\d*[A-Za-z])|([^\x1b]+)', data):
            if code == b'\x1b[H':
                self.at = (0, 0)
            elif code == b'\x1b[K':
                self.lines[self.at[0]] = self.lines[self.at[0]][:self.at[1]]
            elif code == b'\x1b[J':
                del self.lines[self.at[0] + 1:]
                self.lines[self.at[0]] = self.lines[self.at[0]][:self.at[1]]
            elif code in (b'\x1b[?1049h', b'\x1b[?1049l'):
                self.second = code.endswith(b'h')
                self.lines, self.at = [''], (0, 0)
            elif code:
                assert code in (b'\x1b[?25l', b'\x1b[?25h'), code
            self.put(text.decode())

    def put(self, text):
        for character in text:
            row, column = self.at
            if character == '\r':
                self.at = (row, 0)
            elif character == '\n':
                self.at = (row + 1, column)
                self.lines += [''] * (row + 2 - len(self.lines))
            else:
                line = self.lines[row].ljust(column)
                self.lines[row] = line[:column] + character + line[column + 1:]
                self.at = (row, column + 1)

    def shown(self):
        return '\n'.join(self.lines)

    def wait_for(self, pattern):
        until = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.shown()) and time.monotonic() < until:
            self.read(0.1)
        return re.search(pattern, self.shown())

    def press(self, key):
        os.write(self.master, key)

    def end(self):
        """The exit status, after all that it says."""
        until = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.1)
        self.read(0.2)
        return self.process.poll()

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before and not self.second and self.raw.rfind(b'\x1b[?25h') > self.raw.rfind(b'\x1b[?25l')

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def following(pid, columns=80, lines=24, **more):
    terminal = Terminal(columns, lines, LAUNCHER, '--status', str(pid), '--follow', **more)
    try:
        yield terminal
    finally:
        terminal.close()


def filled(terminal):
    bar = re.search(r'\[(#*)(\.*)\]', terminal.shown())
    return len(bar[1]) / (len(bar[1]) + len(bar[2])) if bar else -1


# ---- scenes ----

def stalled():
    peer = Peer(None)
    with program(sending(peer), '-s', '15') as process, following(process.pid) as terminal:
        there = terminal.wait_for(r'\[#+\.+\] \d+\.\d s of 15\.0 s: the peer is connected but')
        check(there, 'a bar fills while nothing moves, and says whose fault it is', terminal.shown())
        first = filled(terminal)
        terminal.read(4)
        check(first < filled(terminal) < 1, 'it goes on', terminal.shown())
        check(re.search(r'\n\d+ +127\.0\.0\.1:%d +ESTABLISHED +\d+\S* +\d+\S* +\d+\S* +\d+\S* +\S+ +\d+ +send=15s\n' % peer.port, terminal.shown()),
              'rate, bytes in flight and waiting, window, round trip, retransmissions, limits', terminal.shown())
        check(len(terminal.shown().splitlines()) < 10 and terminal.second and b'\x1b[2J' not in terminal.raw,
              'it is drawn in place, and nothing is wiped before', terminal.shown())
        check(all(len(line) <= 80 for line in terminal.lines), 'no line is wider than the terminal', terminal.shown())
        terminal.resize(50, 24)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.read(0.5)
        check(all(len(line) <= 50 for line in terminal.lines), 'it is drawn anew when the size changes', terminal.shown())
        terminal.press(b'xq')
        check(terminal.end() == 0 and terminal.is_as_before(), 'q ends it, and the terminal is as before', terminal.raw[-300:])
        check('of 15.0 s' in terminal.shown(), 'what was there last stays to be read', terminal.shown())


def moving():
    peers = [Peer(0.1), Peer(0.0)]
    with program(sending(peers[0])) as process, following(process.pid, 120) as terminal:
        terminal.wait_for(r'ESTABLISHED +[1-9]')
        rate = re.search(r'ESTABLISHED +(\d+)(\.\d)?([KM])', terminal.shown())
        check(rate and 20 < int(rate[1]) * (1024 if rate[3] == 'M' else 1) < 2000, 'what a slow peer takes is a rate', terminal.shown())
        check('not active' in terminal.lines[0] and terminal.shown().splitlines()[3].endswith(' none'),
              'without the library there are no limits, and the rest is the same', terminal.shown())
        terminal.press(b'\x03')
        check(terminal.end() == 0 and terminal.is_as_before(), 'Ctrl-C ends it, and the terminal is as before', terminal.raw[-300:])
    with program(sending(peers[1]), '-s', '10') as process, following(process.pid) as terminal:
        terminal.wait_for(r'ESTABLISHED +\d+(\.\d)?[MG] ')
        terminal.read(2)
        check('[' not in terminal.shown(), 'what moves has no bar', terminal.shown())
        terminal.process.send_signal(signal.SIGTERM)
        check(terminal.end() == 0 and terminal.is_as_before(), 'SIGTERM ends it, and the terminal is as before', terminal.raw[-300:])


def without_library():
    peer = Peer(None)
    with program(sending(peer)) as process, following(process.pid) as terminal:
        check(terminal.wait_for(r'\n    [2-9]\.\d s without progress: the peer is connected but'),
              'without the library it is seen that nothing moves, from when it was looked at', terminal.shown())


def children_of(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
        return [int(child) for child in f.read().split()]


def state_of(pid):
    with open('/proc/%d/stat' % pid) as f:
        return f.read().rsplit(')', 1)[1].split()[0]


def stopped():
    peer = Peer(None)
    with program(sending(peer), '-s', '60') as process:
        # A shell, because who has none above is not stopped.
        terminal = Terminal(80, 24, 'sh', '-c', 'set -m; "$0" --status %d --follow; sleep 2; fg' % process.pid, LAUNCHER)
        terminal.wait_for('ESTABLISHED')
        follower = children_of(terminal.process.pid)[0]
        terminal.press(b'\x1a')
        terminal.read(1)
        check(state_of(follower) == 'T' and terminal.is_as_before(), 'Ctrl-Z stops it, and the terminal is as before', state_of(follower))
        check(terminal.wait_for('ESTABLISHED') and terminal.second and state_of(follower) != 'T', 'and it draws anew when it goes on', terminal.shown())
        process.kill()
        process.wait()
        check(terminal.end() == 0 and terminal.is_as_before() and terminal.lines[-2] == 'process %d has ended' % process.pid,
              'the end of the process is the end of it', terminal.shown())
        terminal.close()
    with program(sending(peer), '-s', '60') as process, following(process.pid) as terminal:
        terminal.wait_for('ESTABLISHED')
        terminal.press(b'\x1a')
        terminal.read(1)
        terminal.press(b'q')
        check(terminal.end() == 0 and terminal.is_as_before(), 'Ctrl-Z stops nobody who has no shell', terminal.raw[-300:])


def crowded():
    peer = Peer(None)
    many = '; '.join('sock tcp4; connect %d' % peer.port for _ in range(30))
    with program('%s; sleep 60000' % many) as process, following(process.pid, 80, 12) as terminal:
        more = terminal.wait_for(r'\n(\d+) more, for which there is no room here\n')
        check(more and len(terminal.lines) <= 12, 'what does not fit is counted', terminal.shown())
        check(more and terminal.shown().count('ESTABLISHED') + int(more[1]) == 30, 'and all are there', terminal.shown())
        terminal.resize(80, 50)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.read(0.5)
        check(terminal.shown().count('ESTABLISHED') == 30, 'in a terminal that is larger they fit', terminal.shown())
    with program('sleep 60000') as process, following(process.pid, 20, 3) as terminal:
        check(terminal.wait_for('sndtimeo is not') and all(len(line) <= 20 for line in terminal.lines), 'a terminal of three lines', terminal.shown())


def odd_terminals():
    peer = Peer(None)
    with program(sending(peer), '-s', '60') as process:
        with following(process.pid, term='dumb') as terminal:
            terminal.wait_for('(?s)ESTABLISHED.*ESTABLISHED')
            check(b'\x1b' not in terminal.raw, 'a dumb terminal gets lines', terminal.shown())
        with following(process.pid, stdin=subprocess.DEVNULL) as terminal:
            check(terminal.wait_for('ESTABLISHED') and termios.tcgetattr(terminal.slave) == terminal.before,
                  'where no keys come from, none are asked for', terminal.shown())
            terminal.process.send_signal(signal.SIGINT)
            check(terminal.end() == 0 and terminal.is_as_before(), 'and it can be ended', terminal.raw[-300:])
        with following(process.pid) as terminal:
            terminal.wait_for('ESTABLISHED')
            terminal.press(b'\x1c')
            check(terminal.end() == 0 and terminal.is_as_before(), 'the key of SIGQUIT leaves the terminal as before, too', terminal.raw[-300:])
        terminal = Terminal(80, 24, 'sh', '-c', 'set -m; "$0" --status %d --follow & sleep 3' % process.pid, LAUNCHER)
        terminal.read(2.5)
        check(not terminal.second and 'ESTABLISHED' in terminal.shown(), 'in the background it is lines, and nothing is taken over', terminal.raw[-300:])
        terminal.close()


def run(*arguments, seconds=0.0):
    process = subprocess.Popen([LAUNCHER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if seconds:
        time.sleep(seconds)
        process.terminate()
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def wait_for_a_full_window(process):
    """The tester makes what it sends before, which takes its time under instruments."""
    until = time.monotonic() + DEADLINE_S
    while '"window_bytes":0,' not in run('--status', str(process.pid), '--json')[1] and time.monotonic() < until:
        time.sleep(0.1)


def in_lines():
    peer = Peer(None)
    with program('%s; sleep 60000' % sending(peer), '-s', '3') as process:
        wait_for_a_full_window(process)
        status, out, err = run('--status', str(process.pid), '--follow', seconds=6)
        rows = [line for line in out.splitlines() if re.match(r'\d\d:\d\d:\d\d ', line)]
        check(len(rows) >= 4 and 1 <= out.count('TIME ') <= 3 and not err, 'lines for whom it is piped to, and a heading where something is new', out + err)
        check(re.search(r'  [12]\.\d s of 3\.0 s +send=3s\n', out), 'with the time without progress', out)
        check('timed out' in rows[-1], 'until the verdict', out)
        check(not re.search(r'CLOSED +\d+(\.\d)?[TPE]', out), 'which makes no rate of what is forgotten', out)
    with program('sock tcp4; connect %d; sleep 2500' % peer.port) as process:
        time.sleep(0.2)
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        status, out, err = run('--status', str(process.pid), '--follow')
        reaper.join()
        check(status == 0 and out.endswith('\nprocess %d has ended\n' % process.pid), 'to the end of the process', out + err)


    with program('sleep 60000') as process:
        began = time.monotonic()
        out = subprocess.run(['sh', '-c', '"$0" --status %d --follow | head -n 1' % process.pid, LAUNCHER], capture_output=True, text=True,
                             timeout=DEADLINE_S, check=False).stdout
        check(time.monotonic() - began < 5 and 'not active' in out, 'until nobody reads any more, though there is nothing to tell', out)


def in_json():
    peer = Peer(None)
    with program(sending(peer), '-s', '30') as process:
        wait_for_a_full_window(process)
        status, out, err = run('--status', str(process.pid), '--follow', '--json', seconds=3.5)
        objects = [json.loads(line) for line in out.splitlines()]
        check(len(objects) >= 2, 'one object a line', out)
        last = objects[-1]
        connection = last['connections'][0]
        check((last['pid'], last['active'], last['limits']) == (process.pid, True, 'connect=10s send=30s policy=replace'), 'the process', last)
        check(connection['peer'] == '127.0.0.1:%d' % peer.port and connection['state'] == 'ESTABLISHED' and connection['limits'] == 'send=30s',
              'the connection', connection)
        check(connection['unacknowledged_bytes'] == connection['in_flight_bytes'] + connection['not_sent_bytes'] > 0 and
              connection['rate_bytes_per_s'] >= 0 and connection['no_progress_ms'] > 1000 and connection['send_timeout_ms'] == 30000,
              'how it is doing', connection)
        status, out, err = run('--status', str(process.pid), '--json')
        once = json.loads(out)
        check(status == 0 and set(once) == set(last) and set(once['connections'][0]) == set(connection) and
              once['connections'][0]['rate_bytes_per_s'] is None, 'once, with the same keys', out)
    with program('sleep 60000') as process:
        status, out, err = run('--status', str(process.pid), '--json')
        once = json.loads(out)
        check(status == 1 and not once['active'] and once['library'] is None and once['connections'] == [], 'of a process without anything', out)


def mistakes():
    for arguments, said in ((['--follow', 'true'], "--follow: tells how"), (['--json', 'true'], '--json: tells how'),
                            (['--status', '0', '--follow'], "--status='0': expected"),
                            (['--status', '4194304000', '--follow'], "--status='4194304000'")):
        status, out, err = run(*arguments)
        check(status == 125 and not out and said in err and err.count('\n') == 1, ' '.join(arguments), out + err)


def main():
    scenes = stalled, moving, without_library, stopped, crowded, odd_terminals, in_lines, in_json, mistakes
    print('1..%d' % PLAN)
    with concurrent.futures.ThreadPoolExecutor(len(scenes)) as together:
        for ended in [together.submit(scene) for scene in scenes]:
            ended.result()
    sys.exit(count != PLAN)


main()
