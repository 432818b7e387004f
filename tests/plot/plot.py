#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sndtimeo --record and sndtimeo-plot on loopback, as TAP. From the environment: SNDTIMEO_TEST_LAUNCHER, SNDTIMEO_TEST_TESTER and
SNDTIMEO_TEST_SRCDIR (make check sets them)."""
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

LAUNCHER, TESTER = os.environ['SNDTIMEO_TEST_LAUNCHER'], os.environ['SNDTIMEO_TEST_TESTER']
PLOT = os.path.join(os.environ['SNDTIMEO_TEST_SRCDIR'], 'src/plot/sndtimeo-plot')
for name in [name for name in os.environ if name.startswith('SNDTIMEO_')]:
    del os.environ[name]

PLAN = 29
DEADLINE_S = 30
COLUMNS = ['time', 'id', 'event', 'acked+', 'flight', 'waiting', 'window', 'rtt', 'again+', 'note']
count = 0
printing = threading.Lock()
folder = tempfile.mkdtemp(prefix='record.')


def check(good, name, said=''):
    global count
    with printing:
        count += 1
        print('%sok %d - %s' % ('' if good else 'not ', count, name), flush=True)
        if not good:
            print(''.join('#   %s\n' % line for line in str(said).splitlines()[:60]), end='', flush=True)


def skip(name, why):
    global count
    with printing:
        count += 1
        print('ok %d - %s # SKIP %s' % (count, name, why), flush=True)


class Peer:
    """Reads all there is, after a pause of so many seconds; None: nothing ever."""

    def __init__(self, pause_s):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.accept, args=(pause_s,), daemon=True).start()

    def accept(self, pause_s):
        while True:
            connection = self.listener.accept()[0]
            self.kept.append(connection)
            if pause_s is not None:
                threading.Thread(target=self.read, args=(connection, pause_s), daemon=True).start()

    @staticmethod
    def read(connection, pause_s):
        time.sleep(pause_s)
        with contextlib.suppress(OSError):
            while connection.recv(1 << 20):
                pass
            connection.close()


def path(name):
    return os.path.join(folder, name)


def run(*command, seconds=None, **more):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if seconds:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def read(file):
    """Its lines as dictionaries, with what is left out filled in; once it has its end."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        with open(file) as f:
            text = f.read()
        if text.endswith('\tend\n'):
            break
        time.sleep(0.1)
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    assert lines[0].split('\t') == COLUMNS, lines[0]
    found, now, before = [], '', {}
    for line in lines[1:]:
        fields = line.split('\t')
        row = dict(zip(COLUMNS, fields + [''] * (len(COLUMNS) - len(fields))))
        now = row['time'] = row['time'] or now
        last = before.setdefault(row['id'], {})
        for column in 'flight', 'waiting', 'window', 'rtt':
            row[column] = last[column] = row[column] or last.get(column, '0')
        found.append(row)
    return text, found


def events(rows):
    return [row['event'] for row in rows if row['event']]


def a_pause():
    """A peer that reads late: from the first byte to the last, with the pause and its reason."""
    peer = Peer(2)
    file = path('pause')
    status, out, err = run(LAUNCHER, '--record', file, '--', TESTER, 'sock tcp4; connect %d; sendall send 9000000; sleep 700; close; sleep 600' % peer.port)
    text, rows = read(file)
    check(status == 0 and not err, 'the program runs as without it', out + err)
    check(text.startswith('# sndtimeo record 1: the TCP connections of tester, process ') and 'libsndtimeo(7)' in text, 'the head says what it is', text[:300])
    check(events(rows) in (['connect', 'stall', 'progress', 'closing', 'close', 'end'], ['connect', 'stall', 'progress', 'close', 'end']),
          'the events of a peer that reads late', '\n'.join(map(str, rows)))
    check(sum(int(row['acked+'] or 0) for row in rows) in (9000000, 9000001, 9000002), 'what was acknowledged adds up', text)
    check(any(row['event'] == 'stall' and row['note'] == 'the peer is connected but has not opened its window' for row in rows), 'why it stalls', text)
    check(re.search(r'\tprogress\t.*\tafter [12]\.\d s', text), 'and for how long it did', text)
    check(re.search(r'\tconnect\t.*\ttester\[\d+\] 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:%d\n' % peer.port, text), 'whose connection it is', text)
    times = [float(row['time']) for row in rows if row['event'] == '']
    check(times == sorted(times) and all(later - earlier > 0.15 for earlier, later in zip(times, times[1:])), 'four samples a second', times)
    plots(file)


def plots(file):
    """Needs a file with a stall."""
    if not shutil.which('gnuplot'):
        for name in 'a picture', 'with its marks', 'in another form', 'of a peer':
            skip(name, 'there is no gnuplot')
        return
    status, out, err = run(PLOT, file)
    check(status == 0 and out == file + '.svg\n' and not err, 'a picture', out + err)
    with open(file + '.svg') as f:
        svg = f.read()
    lacking = [part for part in ('connect', 'acknowledged', 'window edge', 'seconds', 's: the peer is connected but has not opened its window', 'tester[')
               if part not in svg.replace('&#32;', ' ')]
    check(not lacking, 'with its marks', lacking)
    status, out, err = run(PLOT, '-o', path('it is.png'), '-n', '1', file)
    with open(path('it is.png'), 'rb') as f:
        check(status == 0 and f.read(4) == b'\x89PNG', 'in another form', out + err)
    status, out, err = run(PLOT, '--peer', '192.0.2.1', file)
    check(status == 125 and err == 'sndtimeo-plot: %s: no connection to 192.0.2.1 is in it\n' % file, 'of a peer', out + err)


def a_verdict():
    """Limits hold, inside and outside, and the verdict is in it."""
    for way, event in ('--inside', 'timed_out'), ('--outside', 'broken'):
        peer = Peer(None)
        file = path('verdict' + way)
        status, out, err = run(LAUNCHER, way, '-s', '1.5', '--record', file, '--', TESTER,
                               'sock tcp4; connect %d; send send 60000000; sleep 1000' % peer.port)
        text, rows = read(file)
        check('timed out after 1.' in err, way + ': limits hold', out + err)
        check(events(rows)[:3] == ['connect', 'stall', event] and 'after 1.' in text, way + ': the verdict', text)


def nothing_is_limited():
    peer = Peer(None)
    file = path('none')
    with subprocess.Popen([LAUNCHER, '--record', file, '--', TESTER, 'sock tcp4; connect %d; send send 60000000' % peer.port]) as process:
        time.sleep(2)
        with open('/proc/%d/environ' % process.pid) as f:
            environment = f.read()
        check('LD_PRELOAD' not in environment and 'SNDTIMEO_SEND' not in environment, 'without limits nothing is preloaded or set', environment)
        process.kill()


    began = time.monotonic()
    out = subprocess.run(['sh', '-c', '"$0" --record "$1" -- sh -c "setsid sleep 5 >/dev/null 2>&1 </dev/null & echo said" 2>&1', LAUNCHER, path('daemon')],
                         capture_output=True, text=True, timeout=DEADLINE_S, check=False).stdout
    check(out == 'said\n' and time.monotonic() - began < 4, 'whoever reads what is printed is let go', out)


def attached():
    peer = Peer(None)
    file = path('attached')
    with subprocess.Popen([TESTER, 'sock tcp4; connect %d; send send 60000000; sleep 60000' % peer.port]) as process:
        # It makes what it sends before.
        until = time.monotonic() + DEADLINE_S
        while '"window_bytes":0,' not in run(LAUNCHER, '--status', str(process.pid), '--json')[1] and time.monotonic() < until:
            time.sleep(0.2)
        status, out, err = run(LAUNCHER, '--record', file, '--attach', str(process.pid), '--for', '1500ms')
        text, rows = read(file)
        check(status == 0 and events(rows) == ['found', 'stall', 'end'], 'a process that runs', text + err)
        status, out, err = run(LAUNCHER, '--record', file, '--attach', str(process.pid), seconds=1)
        text, rows = read(file)
        check(status == 0 and events(rows)[-1] == 'end', 'until Ctrl-C, anew in the same file', text + err)
        status, out, err = run(LAUNCHER, '-s', '1', '--record', file, '--attach', str(process.pid), '--for', '4s')
        text, rows = read(file)
        check(status == 1 and 'broken' in events(rows), 'with limits', text + err)
        process.kill()


def many():
    """Children, too, and no more bytes than what 100 connections may have in an hour."""
    peer = Peer(0)
    file = path('many')
    status, out, err = run(LAUNCHER, '--record', file, '--', 'sh', '-c', ' '.join(
        '"$0" "sock tcp4; connect %d; sendall send 50000000; sleep 2500" &' % peer.port for _ in range(8)) + ' wait', TESTER)
    text, rows = read(file)
    ids = {row['id'] for row in rows if row['id']}
    samples = [line for line in text.splitlines() if re.match(r'[\d.]*\t\d+\t\t', line)]
    size = sum(len(line) + 1 for line in samples) / max(len(samples), 1)
    check(len(ids) == 8 and events(rows).count('connect') == 8, 'connections of children', text)
    check(size * 100 * 4 * 3600 < 50e6 and samples, 'a line is short', '%.1f bytes\n%s' % (size, text))


def mistakes():
    with open(path('other'), 'w') as f:
        f.write('something else\n')
    for command, said in (([LAUNCHER, '--record', path('no/such'), '--', 'true'], 'sndtimeo: %s: No such file or directory' % path('no/such')),
                          ([PLOT, path('none-such')], 'sndtimeo-plot: %s: it cannot be read' % path('none-such')),
                          ([PLOT, path('other')], 'sndtimeo-plot: %s: it is no record of sndtimeo --record' % path('other')),
                          ([PLOT, '-o', 'x.gif', path('other')], "sndtimeo-plot: -o 'x.gif': expected a name that ends with .svg, .png or .pdf"),
                          ([PLOT, '-n', '0', path('other')], "sndtimeo-plot: -n '0': expected a number from 1 to 999")):
        status, out, err = run(*command)
        check(status == 125 and err == said + '\n' and not out, said.replace(folder, ''), out + err)
    status, out, err = run(LAUNCHER, '--record', path('checked'), '--check', '--', 'true')
    check(status == 0 and not os.path.exists(path('checked')), '--check makes no file', out + err)


def main():
    scenes = a_pause, a_verdict, nothing_is_limited, attached, many, mistakes
    print('1..%d' % PLAN)
    with concurrent.futures.ThreadPoolExecutor(len(scenes)) as together:
        for ended in [together.submit(scene) for scene in scenes]:
            ended.result()
    shutil.rmtree(folder)
    sys.exit(count != PLAN)


main()
