# SPDX-License-Identifier: MIT
"""The table of scenes: what the other end does, which limits are set, and what has to come of it."""
from dataclasses import dataclass, field

from gate import Script

KB, MB = 1000, 1000 * 1000

# What has to come out.
ENDS = 'ends by the limit'      # ended by the limit that is named, as its documentation has it for a timeout
SAME = 'as if bare'             # the same result, and the same bytes at the peer
NO_HALF = 'no half upload'      # ended, and no peer took half an upload for the whole

# More than all the buffers between a client and a gate that reads no more.
BIG = 12 * MB
# A peer that stops takes a small queue of bytes, so that the stall begins soon.
QUEUE = 64 * 1024
IDLE_SECONDS = 5


@dataclass(frozen=True)
class Scene:
    number: int
    title: str
    expects: str
    size: int                             # of the upload
    script: Script = Script()
    stops: int = -1                       # stops reading so many bytes after the protocol's opening; -1: never
    limits: dict = field(default_factory=lambda: {'send': 2, 'connect': 2})
    limit: str = 'send'                   # the one that has to act
    delay: float = 0                      # the link's, one way; 0: loopback
    loses: str = ''                       # what the link loses (delayline.py): from the start, or from the stop on
    talks: bool = False                   # the server talks all the while
    idle: bool = False                    # the client rests on its connection before the upload
    blackhole: bool = False
    patience: float = 60                  # longer than it takes when all is well
    parallel: int = 8                     # how many of them may run at the same time on two processors
    in_ci: tuple = ()                     # (family, TLS) for each that CI runs
    outside_in_ci: tuple = ()             # those of them that it runs from outside, too

    @property
    def seconds(self):
        """The limit that has to act."""
        return self.limits[self.limit]


PLAIN = ((4, False),)
EACH = ((4, False), (6, False), (4, True))

SCENES = {scene.number: scene for scene in (
    Scene(1, 'connect to a blackhole', ENDS, 64 * KB, blackhole=True, limit='connect', in_ci=PLAIN,
          outside_in_ci=PLAIN),
    Scene(2, 'the peer never reads', ENDS, BIG, Script(rcvbuf=QUEUE), stops=0, in_ci=EACH,
          outside_in_ci=PLAIN),
    Scene(3, 'the peer stops in mid-upload', ENDS, BIG, Script(rcvbuf=QUEUE), stops=MB),
    Scene(4, 'the network is cut in mid-upload', ENDS, BIG, Script(), stops=MB, delay=0.005, loses='all', parallel=4),
    Scene(5, 'the peer stops for 1.2 s', SAME, BIG, Script(rcvbuf=QUEUE, resume_after=1.2), stops=MB),
    Scene(6, 'the peer stops and goes on too late', NO_HALF, BIG, Script(rcvbuf=QUEUE, resume_after=3.5), stops=MB,
          in_ci=PLAIN),
    Scene(7, 'healthy, 80 KB/s into 64 KB', SAME, 8 * MB, Script(rcvbuf=64 * 1024, chunk=8000, pause=0.1),
          limits={'send': 5, 'connect': 5}, patience=240, parallel=40),
    Scene(8, 'healthy and fast', SAME, BIG, in_ci=EACH, outside_in_ci=PLAIN, parallel=6),
    Scene(9, 'the peer talks all the while', SAME, BIG, Script(chunk=64 * KB, pause=0.02), talks=True),
    Scene(10, 'idle for 5 s, then an upload over 100 ms', SAME, 4 * MB, delay=0.05, idle=True, patience=90, in_ci=PLAIN),
    Scene(11, 'a small request is never acknowledged', ENDS, 200, limits={'send': 30, 'connect': 5, 'unacked': 2},
          limit='unacked', delay=0.005, loses='data'),
    Scene(12, 'healthy, 4 KB/s into 12000 bytes', SAME, 200 * KB, Script(rcvbuf=12000, chunk=400, pause=0.1), delay=0.001,
          patience=180, parallel=30),
)}
