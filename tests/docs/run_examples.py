#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run every command of README.md and of the manual pages, and compare what they list with what the programs have.

Each block of commands runs in a folder of its own, against a peer of its own, with a time limit; all of it on
loopback. documents.py says how a block is marked. What stands for what:

    python3 upload.py, client.py FILE   sends FILE to the peer and waits for an answer of one byte
    rsync, backup.sh                    the same, of big.bin
    legacyd                             prints to its peer for ever
    ./static-tool                       a program that is statically linked, and does nothing
    big.bin                             19 MiB
    /etc/ /run/ /var/log/               folders of that name below the block's own
    /usr/local/bin/NAME, /usr/bin/NAME  NAME in a folder that is first in PATH
    /usr/local/lib/libsndtimeo.so, /usr/local/lib/sndtimeo/libsndtimeo.so
                                        the library of this build; libsndtimeo.so is found by LD_LIBRARY_PATH
    limits of 30 s against a peer that stalls, 1 s instead
    numbers in output                   any others
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True   # the source tree may be read-only

import documents
from peers import Peer

LIBRARY = os.environ['SNDTIMEO_TEST_LIBRARY']
# The build may be in a folder of any name, behind a link of quickstart's: of a process the kernel's name is told, in ASCII.
LIBRARY_AS_TOLD = re.sub(rb'[^ -~]', b'?', os.fsencode(os.path.realpath(LIBRARY))).decode()
LAUNCHER = os.environ['SNDTIMEO_TEST_LAUNCHER']
SOURCE = pathlib.Path(os.environ['SNDTIMEO_TEST_SRCDIR'])
MANUALS = ('docs/sndtimeo.1', 'docs/libsndtimeo.7')
TEXTS = ('README.md',) + MANUALS
LIMIT_SECONDS = 12
AT_ONCE = 8
BIG_BYTES = 20_000_000

UPLOAD = '''#!/usr/bin/env python3
import os, socket, sys
host, port = os.environ['EXAMPLE_PEER'].split(':')
file = sys.argv[1] if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else os.environ['EXAMPLE_FILE']
s = socket.create_connection((host, int(port)))
s.sendall(open(file, 'rb').read())
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b'+'
'''
LEGACY = '''#!/usr/bin/env python3
import sys
for i in range(100000):
    print('x' * 1000)
'''


# ---- the sandbox ---------------------------------------------------------------------------------------------------

def write(path, text, executable=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if executable:
        path.chmod(0o755)


# What a program does that ends with 0 at once, by the name of the machine; and the number of that in ELF.
STATIC_PROGRAMS = {
    'x86_64': (62, 'b83c000000 31ff 0f05'),              # mov $60, %eax; xor %edi, %edi; syscall
    'aarch64': (183, 'a80b80d2 000080d2 010000d4'),      # mov x8, #93; mov x0, #0; svc #0
}


def write_static_program(path):
    """A program that asks for no loader: its head, one segment that is all of it, and its code."""
    machine, code = STATIC_PROGRAMS[os.uname().machine]
    code = bytes.fromhex(code)
    start = 64 + 56
    base = 0x400000
    head = struct.pack('<4s5B7xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, 0, 2, machine, 1, base + start, 64, 0, 0, 64, 56,
                       1, 0, 0, 0)
    segment = struct.pack('<IIQQQQQQ', 1, 5, 0, base, base, start + len(code), start + len(code), 0x10000)
    path.write_bytes(head + segment + code)
    path.chmod(0o755)


class Skip(str):
    """Why something is not tried here."""


def why_not_here(block):
    """What a block needs that this machine may not have."""
    text = '\n'.join(block.commands or [])
    if './static-tool' in text and os.uname().machine not in STATIC_PROGRAMS:
        return Skip('there is no static program for this machine')
    yama = pathlib.Path('/proc/sys/kernel/yama/ptrace_scope')
    if '--status $!' in text and os.geteuid() != 0 and yama.exists() and yama.read_text().strip() != '0':
        return Skip('Yama lets only root look into a process that is not a child')
    return None


class Sandbox:
    """A folder with the stand-ins, and an environment that leads to them."""

    def __init__(self, top, files, peer):
        self.top = top
        for name in ('run', 'etc', 'var/log'):
            (top / name).mkdir(parents=True)
        for path, text in files.items():
            write(top / path.lstrip('/'), text)
        for name in ('upload.py', 'client.py', 'bin/rsync', 'bin/backup.sh'):
            write(top / name, UPLOAD, executable=True)
        write(top / 'bin/legacyd', LEGACY, executable=True)
        (top / 'bin/sndtimeo').symlink_to(LAUNCHER)
        (top / 'bin/python3').symlink_to(sys.executable)
        with open(top / 'big.bin', 'wb') as big:
            big.truncate(BIG_BYTES)
        if os.uname().machine in STATIC_PROGRAMS:
            write_static_program(top / 'static-tool')
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(('SNDTIMEO_', 'LD_')) and name != 'MAKEFLAGS'}
        self.environment.update(PATH='%s/bin:%s' % (top, os.environ['PATH']), EXAMPLE_FILE=str(top / 'big.bin'),
                                LD_LIBRARY_PATH=os.path.dirname(LIBRARY), EXAMPLE_PEER='127.0.0.1:%d' % peer.port,
                                PYTHONDONTWRITEBYTECODE='1', LC_ALL='C')

    def inward(self, text):
        """The document's places as this sandbox's."""
        text = re.sub(r'/usr/local/lib/(sndtimeo/)?libsndtimeo\.so', LIBRARY, text)
        text = re.sub(r'/usr/(local/)?bin/', '%s/bin/' % self.top, text)
        return re.sub(r'(?<![\w.])/(etc|run|var/log)/', r'%s/\1/' % self.top, text)

    def outward(self, text):
        """The sandbox's places as the document's."""
        for library in LIBRARY, LIBRARY_AS_TOLD:
            text = text.replace(library, '/usr/local/lib/sndtimeo/libsndtimeo.so')
        text = text.replace('%s/bin/' % self.top, '/usr/bin/')
        return text.replace(str(self.top), '')

    def run(self, command, seconds=LIMIT_SECONDS):
        """Returns (exit status, all output); whatever it started is gone by then."""
        with tempfile.TemporaryFile() as output:
            child = subprocess.Popen(command, cwd=self.top, env=self.environment, stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = child.wait(seconds)
            except subprocess.TimeoutExpired:
                status = 'none after %d s' % seconds
            try:
                os.killpg(child.pid, signal.SIGKILL)   # a session of our own making
            except ProcessLookupError:
                pass
            child.wait()
            output.seek(0)
            return status, output.read().decode(errors='replace')


# ---- trying a block ------------------------------------------------------------------------------------------------

def shape(line):
    """A line of output without what differs from one run to the next."""
    line = re.sub(r'\b(bytes|byte|KiB|MiB|GiB)\b', 'B', line)
    return re.sub(r'\s+', ' ', re.sub(r'\d+([.,]\d+)*', '#', line)).strip()


def missing(expected, output):
    """The first expected line that is not in the output, in their order."""
    rest = iter([shape(line) for line in output.splitlines()])
    for line in expected:
        if shape(line) not in rest:
            return line
    return None


def with_short_limits(command, kind):
    """Nobody wants to wait for 30 s."""
    if kind == 'stalls':
        return re.sub(r'((?:-s|--send)[ =]|SNDTIMEO_SEND=)(30|1m)\b', r'\g<1>1', command)
    return command


def try_commands(block, sandbox, kind):
    script = sandbox.inward('\n'.join(with_short_limits(command, kind) for command in block.commands))
    status, output = sandbox.run(['sh', '-e', '-c', script])
    wanted = int(block.says.get('exits', 1 if 'shown by' in block.says and kind in ('stalls', 'silent') else 0))
    if status != wanted:
        return 'exit status %s, not %d:\n%s' % (status, wanted, output)
    lacking = missing(block.output, sandbox.outward(output))
    return 'no such line as\n%s\nin\n%s' % (lacking, sandbox.outward(output)) if lacking is not None else ''


def try_crontab(block, sandbox, _):
    """cron gives what is behind the five times to sh, with little in PATH."""
    command = sandbox.inward(block.lines[0].split(None, 5)[5])
    status, output = sandbox.run(['env', 'PATH=%s/bin:/usr/bin:/bin' % sandbox.top, 'sh', '-c', command])
    return '' if status == 0 else 'exit status %s:\n%s' % (status, output)


def try_inetd(block, sandbox, _):
    """Do what inetd does for a line of 'stream tcp nowait': accept, make the connection all three descriptors, exec."""
    words = with_short_limits(sandbox.inward(block.lines[0]), 'stalls').split()
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()) as client:
            accepted, _ = listener.accept()
            with accepted:
                daemon = subprocess.Popen(words[6:], executable=words[5], cwd=sandbox.top, env=sandbox.environment,
                                          stdin=accepted, stdout=accepted, stderr=accepted)
            try:
                status = daemon.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
                return 'it still runs after %d s' % LIMIT_SECONDS
            received = b''
            try:
                while chunk := client.recv(1 << 16):
                    received += chunk
                return 'the client was told of a clean end'
            except ConnectionResetError:
                pass
    log = sandbox.top / 'var/log/legacyd.log'
    said = log.read_text() if log.exists() else ''
    if b'sndtimeo' in received:
        return 'the client got the log'
    return '' if status and ' timed out after ' in said else 'exit status %s, log: %s' % (status, said)


def try_systemd(block, sandbox, _):
    """systemd-analyze, if there is one, and then the program with that environment."""
    unit = sandbox.top / 'upload.service'
    write(unit, '[Unit]\nDescription=an example\n[Service]\nExecStart=/bin/true\n')
    write(sandbox.top / 'upload.service.d/sndtimeo.conf', '\n'.join(block.lines) + '\n')
    if shutil.which('systemd-analyze'):
        _, output = sandbox.run(['systemd-analyze', 'verify', str(unit)])
        if 'upload.service' in output:
            return output
    variables = [word for line in block.lines if line.startswith('Environment=')
                 for word in sandbox.inward(line[len('Environment='):]).split()]
    status, output = sandbox.run(['env', *variables, 'python3', 'upload.py', 'big.bin'])
    return '' if status == 0 else 'exit status %s:\n%s' % (status, output)


TRIES = {'crontab': try_crontab, 'inetd': try_inetd, 'systemd': try_systemd}


def how_to_try(block):
    for word, function in TRIES.items():
        if word in block.says:
            return function
    return try_commands if block.commands else None


def try_block(block, files):
    kind = block.says.get('peer', 'reads')
    if (skip := why_not_here(block)) is not None:
        return skip
    peer = Peer('stalls' if kind == 'holds' else kind)
    with tempfile.TemporaryDirectory(prefix='sndtimeo-docs.') as top:
        try:
            return how_to_try(block)(block, Sandbox(pathlib.Path(top), files, peer), kind)
        finally:
            peer.close()


# ---- what is listed ------------------------------------------------------------------------------------------------

def read(name):
    return (SOURCE / name).read_text()


def help_options():
    text = subprocess.run([LAUNCHER, '--help'], capture_output=True, text=True, check=True).stdout
    text = text[:text.index('DUR is a number')]
    return set(re.findall(r'(?<![\w-])--?[A-Za-z][a-z-]*', text))


def settings():
    """Names of limits and of other settings, as the sources have them."""
    limits = re.search(r'OTHER_NAMES "(.*)\\0off"', read('src/limits/limits.c')).group(1).split('\\0')
    others = re.search(r'OTHER_NAMES "(.*)\\0"', read('src/limits/limits.h')).group(1).upper().split('\\0')
    assert len(limits) >= 6 and len(others) >= 7, (limits, others)
    return limits, others


def manual_options(text):
    return set('-' + name.replace('\\-', '-') for name in re.findall(r'\bFl (-?[A-Za-z][A-Za-z-]*)', text))


def compare(wanted, listed):
    differences = ['lacks ' + name for name in sorted(wanted - listed)]
    differences += ['has ' + name + ', which does not exist' for name in sorted(listed - wanted)]
    return '\n'.join(differences)


def check_options_of_the_command():
    return compare(help_options(), manual_options(read('docs/sndtimeo.1')))


def check_options_of_the_library():
    """Those that stand for a setting; and none that does not exist."""
    limits, others = settings()
    wanted = {'--rule' if name == 'RULES' else '--' + name.lower().replace('_', '-') for name in limits + others}
    return compare(wanted, manual_options(read('docs/libsndtimeo.7')))


def check_options_of_the_readme():
    text = read('README.md')
    named = set(re.findall(r'`(--?[a-zA-Z][a-z-]*)`', text))
    limits, others = settings()
    wanted = {'--rule' if name == 'RULES' else '--' + name.lower().replace('_', '-') for name in limits + others}
    return compare(wanted, named & wanted) + compare(set(), named - help_options())


def check_completions():
    bash = read('completions/sndtimeo.bash')
    listed = re.search(r"local options='([^']*)'", bash)[1].split()
    zsh = read('completions/_sndtimeo')
    body = zsh[zsh.index('_arguments'):]
    in_zsh = set(re.findall(r"[{',*)](--?[a-zA-Z][a-z-]*)(?=[=+\[,}])", body))
    return compare(help_options(), set(listed)) + compare(help_options(), in_zsh)


def variables(text):
    return set(re.findall(r'\bSNDTIMEO_[A-Z_]*[A-Z]', text))


def check_variables(name):
    limits, others = settings()
    known = {'SNDTIMEO_' + setting.upper() for setting in limits + others}
    # Shown as mistakes.
    return compare(known, variables(read(name)) - {'SNDTIMEO_SNED'})


def check_names_in_rules():
    limits, _ = settings()
    page = read('docs/libsndtimeo.7')
    listed = re.search(r'names are those of the variables in small letters:\n\.Cm ([\w ,]+)', page)[1]
    return compare(set(limits), set(re.findall(r'\w+', listed)))


def check_json():
    """Every key and every event that is told is in the manual page's table, and the other way round."""
    source = read('src/tell/report.c') + read('src/tell/digest.c') + read('src/tell/line.c')
    page = read('docs/libsndtimeo.7')
    page = page[page.index('.Ss JSON'):page.index('.Ss Reasons')]
    rows = [[cell.strip() for cell in re.split(r'\bTa\b', line[len('.It '):])] for line in page.splitlines()
            if line.startswith('.It ') and 'Sy' not in line]
    calls = r'\b(?:json_(?:string|number|bool)|line_json_\w+)'
    keys = set(re.findall(calls + r'\([^"()]*(?:->text|\.text|line|t), "(\w+)"', source))
    events = set(re.findall(r'begin_json\(&\w+, "(\w+)"', source))
    events |= set(re.findall(r'(?:"|\\0)([a-z]\w*_timeout)\\0', source))
    assert len(keys) > 20 and len(events) == 10, (keys, events)
    common = set(re.findall(r'^\.Cm (\w+)$', page, re.M))
    listed_keys, listed_events = ({row[i] for row in rows if row[i]} for i in (1, 0))
    return compare(keys, listed_keys | common) + compare(events, listed_events)


def check_reasons():
    page = read('docs/libsndtimeo.7')
    page = page[page.index('.Ss Reasons'):page.index('.Sh SUMMARY')]
    codes = set(re.findall(r'^\t"(\w+)\\0"', read('src/tell/reason.c'), re.M))
    listed = {word for line in re.findall(r'^\.It Cm (.*)$', page, re.M) for word in re.findall(r'\w+', line)}
    return compare(codes, listed)


def check_manual_pages():
    """As .ci/run does, where there is a mandoc."""
    if not shutil.which('mandoc'):
        return Skip('there is no mandoc')
    found = subprocess.run(['mandoc', '-Tlint', '-W', 'warning', *(str(SOURCE / name) for name in MANUALS)],
                           capture_output=True, text=True).stdout
    return '\n'.join(line for line in found.splitlines() if 'referenced manual not found' not in line)


# ---- completions ---------------------------------------------------------------------------------------------------

# Words before the cursor, as readline cuts them; what must be offered, and what must not.
COMPLETED = [
    (['--pol'], {'--policy'}, {'--send'}),
    (['-'], {'-c', '--send', '--status', '--version'}, {'replace'}),
    (['--policy', '='], {'replace', 'cap'}, {'--send'}),
    (['--policy', '=', 'c'], {'cap'}, {'replace'}),
    (['--policy', ''], {'replace', 'cap'}, set()),
    (['--log', ''], {'stderr', 'syslog', 'off', '/'}, set()),
    (['--log', '=', '/etc/host'], {'/etc/hosts'}, {'off'}),
    (['--log-format', '=', ''], {'text', 'json'}, set()),
    (['-s', '3'], {'3s', '3m', '3ms', '3h'}, set()),
    (['--send', '='], {'30s', 'off'}, set()),
    (['--unacked', '2.5'], {'2.5m'}, set()),
    (['--min-rate', '64'], {'64K', '64M'}, set()),
    (['--config', '/etc/host'], {'/etc/hosts'}, set()),
    (['--status', ''], {str(os.getpid())}, {'1s'}),
    (['--', 'pytho'], {'python3'}, set()),
    (['-s', '30', 'pytho'], {'python3'}, set()),
    (['--send', '=', '30', '--dry-run', 'pytho'], {'python3'}, set()),
    (['--summary', '--dr'], {'--dry-run'}, set()),
    (['env', '/etc/host'], {'/etc/hosts'}, set()),
    (['--', 'env', '--ch'], set(), {'--check'}),
]


def complete_in_bash(words):
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
              'COMP_POINT=${#COMP_LINE}; _sndtimeo; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(['bash', '--norc', '-c', script, 'bash', str(SOURCE / 'completions/sndtimeo.bash'),
                           'sndtimeo', *words],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                          env={**os.environ, 'LC_ALL': 'C'})   # bash says so if there is no such locale
    return {line.rstrip(' ') for line in done.stdout.splitlines()}, done.stderr


def check_bash():
    if not shutil.which('bash'):
        return Skip('there is no bash')
    wrong = []
    for words, offered, other in COMPLETED:
        if 'python3' in offered and not shutil.which('python3'):
            continue
        got, errors = complete_in_bash(words)
        if not offered <= got or other & got or errors:
            wrong.append('%s: %s %s' % (words, sorted(got)[:20], errors))
    return '\n'.join(wrong)


def check_zsh():
    if not shutil.which('zsh'):
        return Skip('there is no zsh')
    return subprocess.run(['zsh', '-n', str(SOURCE / 'completions/_sndtimeo')], capture_output=True, text=True).stderr


CHECKS = [
    ('the options of sndtimeo(1)', check_options_of_the_command),
    ('the options of libsndtimeo(7)', check_options_of_the_library),
    ('the options of README.md', check_options_of_the_readme),
    ('the options of the completions', check_completions),
    *(('the variables of ' + name, lambda name=name: check_variables(name)) for name in TEXTS),
    ('the names of limits in rules', check_names_in_rules),
    ('the keys and events of JSON', check_json),
    ('the reasons', check_reasons),
    ('mandoc has nothing to say', check_manual_pages),
    ('bash completes', check_bash),
    ('zsh reads its completion', check_zsh),
]


# ---- all of it -----------------------------------------------------------------------------------------------------

def tell(number, name, problem):
    if isinstance(problem, Skip):
        print('ok %d - %s # SKIP %s' % (number, name.replace('#', ''), problem), flush=True)
        return
    print('%s %d - %s' % ('not ok' if problem else 'ok', number, name.replace('#', '')), flush=True)
    for line in problem.splitlines():
        print('# ' + line, flush=True)


def main():
    blocks = [block for name in TEXTS for block in documents.blocks_of(name, read(name))]
    files = {block.says['file']: '\n'.join(block.lines) + '\n' for block in blocks if 'file' in block.says}
    marked = [block for block in blocks if 'not run' in block.says or 'file' in block.says]
    rest = [block for block in blocks if block not in marked]
    print('1..%d' % (len(blocks) + len(CHECKS)))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tried = {block: pool.submit(try_block, block, files) for block in rest if how_to_try(block)}
        checked = [(name, pool.submit(check)) for name, check in CHECKS]
        number = 0
        for block in blocks:
            number += 1
            name = '%s %s' % (block.place, (block.commands or block.lines)[0][:80])
            if block in marked:
                problem = '' if block.says.get('not run', 'a file') else 'it is not said why this is not run'
            elif block in tried:
                problem = tried[block].result()
            else:
                problem = 'neither run nor marked as not run'
            tell(number, name, problem)
        for name, result in checked:
            number += 1
            tell(number, name, result.result())
    return 0


if __name__ == '__main__':
    sys.exit(main())
