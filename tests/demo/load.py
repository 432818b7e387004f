# SPDX-License-Identifier: MIT
"""How busy the machine was while a scene was played: what waits for a processor is late through no fault of its own."""
import asyncio
import time

STEP = 0.02


def waited():
    """Seconds for which this process could have run and had no processor; 0 from a kernel that does not count them."""
    try:
        with open('/proc/self/schedstat') as f:
            return int(f.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0


class Metronome:
    """Sleeps for a moment, over and over, and knows how much too long that took: by what no process is told of, too, such
    as a host that gives its guest no processor."""

    def __init__(self):
        self.late = []   # (when, by how much)

    async def run(self):
        while True:
            due = time.monotonic() + STEP
            await asyncio.sleep(STEP)
            now = time.monotonic()
            self.late.append((now, now - due))

    def worst_since(self, moment):
        return max((by for when, by in self.late if when >= moment), default=0)
