# SPDX-License-Identifier: MIT
"""A client's processes: started in a session of their own, and asked of /proc what they do."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

SYN_SENT = '02'
TICKS = os.sysconf('SC_CLK_TCK')
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent(number=signal.SIGKILL):
    """prctl(2): this process gets the signal when the one that started it ends, so that nothing goes on alone."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


class Running:
    def __init__(self, argv, environment, folder, enter):
        self.output = open(os.path.join(folder, 'output'), 'wb+')
        self.began = time.monotonic()
        self.process = subprocess.Popen(argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=enter)
        self.ended = None

    def over(self):
        """Whether it has ended, and when that was noticed."""
        if self.ended is None and self.process.poll() is not None:
            self.ended = time.monotonic()
        return self.ended is not None

    def status(self):
        return self.process.returncode

    def session(self):
        """The process and all it has started: the fields of /proc/PID/stat after the name."""
        for name in os.listdir('/proc'):
            if name.isdigit():
                with contextlib.suppress(OSError), open('/proc/%s/stat' % name) as f:
                    fields = f.read().rpartition(') ')[2].split()
                    if int(fields[3]) == self.process.pid:
                        yield fields

    def cpu(self):
        """Seconds of processor time so far; of processes that have ended, what their parents waited for."""
        return sum(int(ticks) for fields in self.session() for ticks in fields[11:15]) / TICKS

    def sockets(self, fields=3):
        """/proc/net/tcp where the process is: (local address, remote address, state, queues)."""
        for name in 'tcp', 'tcp6':
            with contextlib.suppress(OSError), open('/proc/%d/net/%s' % (self.process.pid, name)) as f:
                for line in list(f)[1:]:
                    yield line.split()[1:1 + fields]

    def connecting(self, port):
        """The sockets of the machine that wait for this port's answer to their SYN."""
        ending = ':%04X' % port
        return {local for local, remote, state in self.sockets() if state == SYN_SENT and remote.endswith(ending)}

    def unacknowledged(self, port):
        """Bytes in the send queues of connections to this port (tx_queue), from wherever they were sent."""
        ending = ':%04X' % port
        return sum(int(queues.partition(':')[0], 16) for _, remote, _, queues in self.sockets(4)
                   if remote.endswith(ending))

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self):
        """Leave nothing behind."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def said(self, most=8000):
        self.output.seek(0)
        text = self.output.read().decode(errors='replace')
        return text if len(text) <= most else text[:most // 2] + '\n[...]\n' + text[-most // 2:]
