# SPDX-License-Identifier: MIT
"""Real programs bare and with the library in turn: uploads by requests, and nginx under wrk."""
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure.table import Row
from measure.counts import system_calls
from measure.tools import Preload, environment

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE.parent / 'peers'))
from certificate import make_certificate  # noqa: E402

TIMEOUTS = (('with timeout=(3, 50)', ('3', '50')), ('without a timeout', ('-',)))
NGINX = """daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def on_processor(which):
    """For a child: the program that is measured has one processor for itself, and its peer another. Where the scheduler
    puts them otherwise makes more difference than anything here."""
    usable = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {usable[which % len(usable)]})


MEASURED, PEER = on_processor(0), on_processor(1)


@contextlib.contextmanager
def running(command, **options):
    """A process for as long as it is wanted. It is asked to end, because nginx has others to end."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def wait_for(address):
    """Until somebody accepts there."""
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address):
            return
        time.sleep(0.05)


def in_turn(preloads, rounds, measure):
    """MEASURE each of PRELOADS as many times, each of them first now and then: what was measured of each."""
    measured = {preload.name: [] for preload in preloads}
    for number in range(rounds):
        first = number % len(preloads)
        for preload in (*preloads[first:], *preloads[:first]):
            measured[preload.name].append(measure(preload))
    return measured


def ratios(measured, name):
    """What was measured of one beside the bare program, round by round."""
    return [one / other for one, other in zip(measured[name], measured['bare'])]


def ratio_row(what, goal, measured, unit):
    """The median counts. What it is worth is told by the quartiles, and by the bare program measured twice."""
    ours, again = ratios(measured, 'ours'), ratios(measured, 'bare again')
    median, bare = statistics.median(ours), statistics.median(measured['bare'])
    low, _, high = statistics.quantiles(ours, n=4)
    return Row(what, goal, bare, float(median), median >= goal, {}, '>=',
               f'bare {bare:.0f} {unit}; a quarter of {len(ours)} rounds below {low:.3f}, one above {high:.3f}; '
               f'bare beside itself {statistics.median(again):.3f}')


class Timings:
    """The rows that time is measured for."""

    def __init__(self, bare, ours, full, tell):
        self.preloads = (bare, Preload('bare again'), ours)
        self.megabytes, self.uploads, self.rounds, self.seconds = (1000, 15, 15, 3) if full else (100, 21, 11, 1)
        self.tell = tell

    def upload(self, process):
        """Megabytes a second."""
        process.stdin.write('once more\n')
        process.stdin.flush()
        return self.megabytes / float(process.stdout.readline())

    def upload_rows(self):
        """Uploads over loopback to a sink that is faster than they are."""
        with tempfile.TemporaryDirectory() as folder:
            body = Path(folder) / 'body'
            with body.open('wb') as file:
                file.truncate(self.megabytes * 1000 * 1000)
            certificate, key = make_certificate(folder, 'DNS:localhost')
            for scheme, arguments in (('http', ()), ('https', (str(certificate), str(key)))):
                with running([sys.executable, str(HERE / 'sink.py'), *arguments], env=environment(),
                             stdout=subprocess.PIPE, text=True, preexec_fn=PEER) as sink:
                    url = f'{scheme}://localhost:{int(sink.stdout.readline())}/'
                    for name, timeout in TIMEOUTS:
                        what = f'{self.megabytes} MB by requests over {scheme}, {name}'
                        self.tell(what)
                        command = [sys.executable, str(HERE / 'upload.py'), url, str(body), str(certificate), *timeout]
                        with contextlib.ExitStack() as stack:
                            processes = {preload.name: stack.enter_context(running(
                                command, env=environment(preload), stdout=subprocess.PIPE, text=True, preexec_fn=MEASURED))
                                for preload in self.preloads}
                            yield ratio_row(what, 0.99, in_turn(self.preloads, self.uploads, lambda preload, p=processes:
                                                                self.upload(p[preload.name])), 'MB/s')
                    if scheme == 'http':
                        yield self.system_call_row(url, body, str(certificate))

    def system_call_row(self, url, body, certificate):
        """What a whole upload of 100 MB asks of the kernel."""
        self.tell('system calls of an upload')
        with body.open('r+b') as file:
            file.truncate(100 * 1000 * 1000)
        command = [sys.executable, str(HERE / 'upload.py'), url, str(body), certificate, '3', '50']
        bare, ours = (system_calls(command, self.preloads[number], said=b'once\n') for number in (0, -1))
        with body.open('r+b') as file:
            file.truncate(self.megabytes * 1000 * 1000)
        return Row('system calls of 100 MB by requests with a timeout', bare, bare, ours, ours < bare, {}, '<')

    def requests_a_second(self, url):
        """As wrk counts them."""
        run = subprocess.run(['wrk', '-c100', '-t1', f'-d{self.seconds}', url], capture_output=True, text=True, check=True,
                             preexec_fn=PEER)
        return float(re.search(r'Requests/sec: +([\d.]+)', run.stdout)[1])

    def nginx_rows(self):
        """nginx as the server of small and large files."""
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)
            urls = {}
            for preload in self.preloads:
                root = folder / f'{len(urls)}'
                root.mkdir()
                with socket.create_server(('127.0.0.1', 0)) as free:
                    address = free.getsockname()
                (root / 'conf').write_text(NGINX.format(folder=root, port=address[1]), encoding='ascii')
                stack.enter_context(running(['nginx', '-c', str(root / 'conf'), '-p', str(root)], env=environment(preload),
                                            stderr=subprocess.DEVNULL, preexec_fn=MEASURED))
                wait_for(address)
                urls[preload.name] = f'http://127.0.0.1:{address[1]}/'
            for name, size in (('1 KB', 1000), ('1 MB', 1000000)):
                what = f'nginx under wrk, 100 connections, answers of {name}'
                self.tell(what)
                for root in folder.iterdir():
                    (root / str(size)).write_bytes(bytes(size))
                yield ratio_row(what, 0.99, in_turn(self.preloads, self.rounds, lambda preload, n=size:
                                                    self.requests_a_second(f'{urls[preload.name]}{n}')), 'requests/s')
