# SPDX-License-Identifier: MIT
"""Bytes and requests a second, bare and with the library in turn: uploads by requests, blocking sends, nginx under wrk."""
import contextlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure.rounds import MEASURED, PEER, answer, in_turn, ratio_row, running
from measure.tools import Preload, environment

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE.parent / 'peers'))
from certificate import make_certificate  # noqa: E402

TIMEOUTS = (('with timeout=(3, 50)', ('3', '50')), ('without a timeout', ('-',)))
# What it is, the bytes of a send, the sends of a thread, and the threads: a tenth of a second each.
SENDS = (
    ('blocking sends of 1 KB', 1000, 25000, 1), ('blocking sends of 64 KB', 64000, 5000, 1),
    ('blocking sends of 100 MB', 100000000, 2, 1), ('blocking sends of 16 KB by 100 threads, a socket each', 16000, 100, 100),
)
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


def wait_for(address):
    """Until somebody accepts there."""
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address):
            return
        time.sleep(0.05)


class Throughput:
    """The rows of one build. BESIDE is another library to compare with, or None."""

    def __init__(self, build, bare, ours, beside, full, tell):
        self.load = str(build / 'tests/bench/load')
        self.preloads = (bare, Preload('bare again'), ours, *filter(None, (beside,)))
        self.megabytes, self.uploads, self.rounds, self.seconds = (1000, 15, 15, 3) if full else (100, 41, 15, 1)
        self.sends = 101 if full else 41
        self.tell = tell

    def upload(self, process):
        """Megabytes a second."""
        return self.megabytes / float(answer(process))

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

    def sent(self, size, count, threads, preload):
        """Megabytes a second, as load.c counts them."""
        run = subprocess.run([self.load, 'blocking', str(size), str(count), str(threads)], env=environment(preload),
                             capture_output=True, text=True, check=True)
        return float(run.stdout)

    def send_rows(self):
        """Blocking sends to a peer that reads as fast as it can."""
        for what, *load in SENDS:
            self.tell(what)
            yield ratio_row(what, 0.99, in_turn(self.preloads, self.sends, lambda preload, n=load: self.sent(*n, preload)),
                            'MB/s')

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
