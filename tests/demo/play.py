# SPDX-License-Identifier: MIT
"""Play one scene once: start its peer, start the client, and say what came of it."""
import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(HERE, 'client.py')
PEER = os.path.join(HERE, 'peer.py')
DELAYLINE = os.path.join(HERE, '..', 'peers', 'delayline.py')
# -I: the distribution's own requests, not one that a user has installed or that PYTHONPATH leads to.
PYTHON = (sys.executable, '-I')
FAR_ADDRESS, FAR_PORT = '10.9.0.2', 8080


@dataclass
class Outcome:
    """What one client saw, and what its peer knows of it."""
    client: dict = field(default_factory=dict)   # client.py's lines
    peer: dict = field(default_factory=dict)     # peer.py's
    waiting: bool = False                        # given up by us
    complete: bool = False                       # the peer has every byte of the file
    hiccup: float = 0                            # the longest that a sleep of ours was too long meanwhile, in seconds
    stderr: str = ''

    @property
    def status(self):
        return self.client.get('status')

    @property
    def error(self):
        return self.client.get('error')

    @property
    def cause(self):
        return self.client.get('cause', '')

    @property
    def busy(self):
        """Seconds that the machine had no time for this scene: no clock here is better than that."""
        return self.client.get('waited', 0) + self.peer.get('peer_waited', 0) + self.hiccup

    def seconds(self, clock):
        """From a moment to the client's end: 'began', the call of post(); 'accepted', the peer has the connection and
        has shaken hands; 'progress', the kernel of a peer that never reads last took data."""
        ended = self.client.get('ended')
        start = self.client.get('began') if clock == 'began' else self.peer.get(clock)
        return float('nan') if ended is None or start is None else ended - start


@contextlib.asynccontextmanager
async def running(*argv, last_signal=signal.SIGKILL, **options):
    """A process that does not outlive the block."""
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL,
                                                   stdout=asyncio.subprocess.PIPE, **options)
    try:
        yield process
    finally:
        end(process, last_signal)
        await process.wait()


def end(process, last_signal):
    """os.kill, because asyncio's own send_signal may reap a process that has just ended, and then complains of that."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, last_signal)


def lines(text):
    """The JSON lines of a client, a peer or both, as one dictionary: their names differ."""
    known = {}
    for line in text.splitlines():
        known.update(json.loads(line))
    return known


class Player:
    """Plays scenes with the files, the certificate and the launcher it was given."""

    def __init__(self, launcher, certificate, files, folder, metronome):
        self.metronome = metronome
        self.launcher = launcher        # the command line before the client's
        self.certificate = certificate
        self.files = files              # size: (path, SHA-256)
        self.folder = folder            # for what the clients say on stderr
        self.gate = asyncio.Lock()
        self.lanes = {}

    async def play(self, scene, under):
        """Two clients never start at the same time: importing requests takes a processor for a moment, which would
        disturb the clocks of both."""
        if scene.lane:
            async with self.lanes.setdefault(scene.lane, asyncio.Lock()):
                return await self.play_now(scene, under, contextlib.nullcontext())
        return await self.play_now(scene, under, self.gate)

    async def play_now(self, scene, under, gate):
        path = os.path.join(self.folder, 'stderr.%d' % id(asyncio.current_task()))
        play = self.play_far if scene.far else self.play_near
        began = time.monotonic()
        with open(path, 'wb') as stderr:
            outcome = await play(scene, under, gate, stderr)
        with open(path, errors='replace') as stderr:
            outcome.stderr = stderr.read()
        outcome.hiccup = self.metronome.worst_since(began)
        length_and_digest = outcome.peer.get('length'), outcome.peer.get('sha256')
        outcome.complete = length_and_digest == (scene.size, self.files[scene.size][1])
        return outcome

    async def play_near(self, scene, under, gate, stderr):
        outcome = Outcome()
        async with running(*self.peer_command(scene), last_signal=signal.SIGTERM, env=self.environment(),
                           stderr=stderr) as peer:
            async with contextlib.AsyncExitStack() as client_life:
                async with gate:
                    port = lines(await peer.stdout.readline())['port']
                    url = '%s://127.0.0.1:%d/' % (scene.protocol, port)
                    client = await client_life.enter_async_context(
                        running(*self.client_command(scene, under, url), env=self.environment(), stderr=stderr))
                    outcome.client = lines(await client.stdout.readline())
                await self.wait(scene, under, client, outcome)
            end(peer, signal.SIGTERM)
            outcome.peer = lines(await peer.stdout.read())
        return outcome

    async def play_far(self, scene, under, gate, stderr):
        outcome = Outcome()
        url = 'http://%s:%d/' % (FAR_ADDRESS, FAR_PORT)
        far_peer = *self.peer_command(scene), '--address', FAR_ADDRESS, '--port', str(FAR_PORT)
        commands = shlex.join(self.client_command(scene, under, url)), shlex.join(far_peer)
        async with gate, running(*PYTHON, DELAYLINE, *commands, last_signal=signal.SIGTERM,
                                 env=self.environment(), stderr=stderr) as link:
            await self.wait(scene, under, link, outcome)
        outcome.peer = outcome.client
        return outcome

    async def wait(self, scene, under, process, outcome):
        patience = (scene.under if under else scene.bare).patience()
        try:
            outcome.client.update(lines(await asyncio.wait_for(process.stdout.read(), patience)))
        except asyncio.TimeoutError:
            outcome.waiting = True

    def peer_command(self, scene):
        tls = ('--certificate', self.certificate) if scene.tls else ()
        return *PYTHON, PEER, *scene.arguments, *tls

    def client_command(self, scene, under, url):
        idle = (str(scene.idle),) if scene.idle else ()
        launcher = self.launcher if under else ()
        return *launcher, *PYTHON, CLIENT, url, self.files[scene.size][0], str(scene.timeout), *idle

    def environment(self):
        """Ours, less what would lead a client elsewhere or set limits that are not the scene's."""
        kept = {name: value for name, value in os.environ.items()
                if not name.lower().endswith('_proxy') and not name.startswith('SNDTIMEO_') and name != 'LD_PRELOAD'}
        if self.certificate:
            kept['REQUESTS_CA_BUNDLE'] = self.certificate
        return kept
