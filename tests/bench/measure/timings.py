# SPDX-License-Identifier: MIT
"""Real programs bare and with the library in turn: uploads by requests, and nginx under wrk."""
import contextlib
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
from measure.tools import environment

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


def in_turn(preloads, pairs, measure):
    """MEASURE each of two preloads PAIRS times, the first now one, now the other; how the second compares with the
    first, pair by pair."""
    measured = {preload.name: [] for preload in preloads}
    for pair in range(pairs):
        for preload in preloads if pair % 2 == 0 else reversed(preloads):
            measured[preload.name].append(measure(preload))
    bare, ours = (measured[preload.name] for preload in preloads)
    return statistics.median(bare), [one / other for one, other in zip(ours, bare)]


def ratio_row(what, goal, bare, ratios, unit):
    """The median counts; the quartiles tell what it is worth."""
    median = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4)
    return Row(what, goal, bare, float(median), median >= goal, {}, '>=',
               f'bare {bare:.0f} {unit}; a quarter of {len(ratios)} pairs below {low:.3f}, one above {high:.3f}')


class Timings:
    """The rows that time is measured for."""

    def __init__(self, bare, ours, full, tell):
        self.preloads = (bare, ours)
        self.megabytes, self.pairs, self.seconds = (1000, 9, 5) if full else (200, 5, 1)
        self.tell = tell

    def upload(self, url, body, certificate, timeout, preload):
        """Megabytes a second."""
        run = subprocess.run([sys.executable, str(HERE / 'upload.py'), url, body, certificate, *timeout],
                             env=environment(preload), capture_output=True, text=True, check=True)
        return self.megabytes / float(run.stdout)

    def upload_rows(self):
        """Uploads over loopback to a sink that is faster than they are."""
        with tempfile.TemporaryDirectory() as folder:
            body = Path(folder) / 'body'
            with body.open('wb') as file:
                file.truncate(self.megabytes * 1000 * 1000)
            certificate, key = make_certificate(folder, 'DNS:localhost')
            for scheme, arguments in (('http', ()), ('https', (str(certificate), str(key)))):
                with running([sys.executable, str(HERE / 'sink.py'), *arguments], env=environment(),
                             stdout=subprocess.PIPE, text=True) as sink:
                    url = f'{scheme}://localhost:{int(sink.stdout.readline())}/'
                    for name, timeout in TIMEOUTS:
                        what = f'{self.megabytes} MB by requests over {scheme}, {name}'
                        self.tell(what)
                        bare, ratios = in_turn(self.preloads, self.pairs, lambda preload, t=timeout: self.upload(
                            url, str(body), str(certificate), t, preload))
                        yield ratio_row(what, 0.99, bare, ratios, 'MB/s')
                    if scheme == 'http':
                        yield self.system_call_row(url, body, str(certificate))

    def system_call_row(self, url, body, certificate):
        """What a whole upload of 100 MB asks of the kernel."""
        self.tell('system calls of an upload')
        with body.open('r+b') as file:
            file.truncate(100 * 1000 * 1000)
        command = [sys.executable, str(HERE / 'upload.py'), url, str(body), certificate, '3', '50']
        bare, ours = (system_calls(command, preload) for preload in self.preloads)
        with body.open('r+b') as file:
            file.truncate(self.megabytes * 1000 * 1000)
        return Row('system calls of 100 MB by requests with a timeout', bare, bare, ours, ours < bare, {}, '<')

    def requests_a_second(self, conf, url, preload):
        """Of nginx, started anew each time."""
        with running(['nginx', '-c', str(conf), '-p', str(conf.parent)], env=environment(preload),
                     stderr=subprocess.DEVNULL):
            wait_for(('127.0.0.1', int(re.search(r':(\d+)/', url)[1])))
            run = subprocess.run(['wrk', '-c100', '-t1', f'-d{self.seconds}', url], capture_output=True, text=True,
                                 check=True)
        return float(re.search(r'Requests/sec: +([\d.]+)', run.stdout)[1])

    def nginx_rows(self):
        """nginx as the server of small and large files."""
        with tempfile.TemporaryDirectory() as folder, running(
                [sys.executable, '-c', 'import socket; s = socket.create_server(("127.0.0.1", 0)); '
                 'print(s.getsockname()[1])'], stdout=subprocess.PIPE, text=True) as port:
            number = int(port.stdout.readline())
            Path(folder).chmod(0o755)
            conf = Path(folder) / 'nginx.conf'
            conf.write_text(NGINX.format(folder=folder, port=number), encoding='ascii')
            for name, size in (('1 KB', 1000), ('1 MB', 1000000)):
                what = f'nginx under wrk, 100 connections, answers of {name}'
                self.tell(what)
                (Path(folder) / str(size)).write_bytes(bytes(size))
                bare, ratios = in_turn(self.preloads, self.pairs, lambda preload, n=size: self.requests_a_second(
                    conf, f'http://127.0.0.1:{number}/{n}', preload))
                yield ratio_row(what, 0.99, bare, ratios, 'requests/s')
