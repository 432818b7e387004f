# SPDX-License-Identifier: MIT
"""sshd.

The process that reads a login is in a seccomp sandbox that kills. The account is there only in this case's mounts.
"""
import os
import re

import place

PACKAGES = ('openssh-client', 'openssh-server', 'sshpass')
NEEDS = ('/usr/sbin/sshd', 'ssh', 'sftp', 'scp', 'ssh-keygen', 'sshpass', 'perl')
CASES = place.CASES + (place.VERBOSE,)

USER, PASSWORD = 'odd', 'not a secret'
NUMBER = 4242
LOGINS_IN_A_ROW = 20

CONFIG = '''ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/identity.pub
PidFile none
StrictModes no
UsePAM {pam}
PasswordAuthentication yes
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
'''


def bind(here, path, content, mode):
    """Put a file of ours over that of the machine, in our mounts alone."""
    own = here.path(os.path.basename(path) + '.' + os.path.basename(os.path.dirname(path)))
    with open(own, 'w', encoding='utf-8') as f:
        f.write(content)
    os.chmod(own, mode)
    here.run(['mount', '--bind', own, path])


def make_account(here):
    home = here.path('home')
    os.mkdir(home, 0o755)
    os.chown(home, NUMBER, NUMBER)
    hashed = here.run(['perl', '-e', 'print crypt($ARGV[0], q($6$odd$))', PASSWORD]).stdout
    for path, line, mode in (('/etc/passwd', '%s:x:%d:%d::%s:/bin/sh\n' % (USER, NUMBER, NUMBER, home), 0o644),
                             ('/etc/group', '%s:x:%d:\n' % (USER, NUMBER), 0o644),
                             ('/etc/shadow', '%s:%s:20000::::::\n' % (USER, hashed), 0o600)):
        with open(path, encoding='utf-8') as f:
            bind(here, path, f.read().rstrip('\n') + '\n' + line, mode)
    return home


def start(here, pam, port):
    config = here.path('sshd_config')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(CONFIG.format(port=port, folder=here.folder, pam='yes' if pam else 'no'))
    here.start(here.by_command(['/usr/sbin/sshd', '-D', '-e', '-f', config]), 'sshd', port)


def play(here):
    here.need_root('sshd separates its privileges only then, and the account is in mounts of its own')
    home = make_account(here)
    # The service makes it when it starts.
    os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
    for key in 'host_key', 'identity':
        here.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', here.path(key)])
    pam = os.path.exists('/etc/pam.d/sshd')
    if pam:   # what else a machine may ask for is not for us
        bind(here, '/etc/pam.d/sshd', ''.join(kind + ' required pam_unix.so\n' for kind in ('auth', 'account', 'session')),
             0o644)
    port = place.free_port()
    start(here, pam, port)

    options = ['-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
    by_key = options + ['-o', 'BatchMode=yes', '-i', here.path('identity')]
    host = USER + '@127.0.0.1'
    payload, back = here.payload(), here.path('back')

    here.step = 'a login with a password'
    done = here.run(['sshpass', '-p', PASSWORD, 'ssh', *options, '-o', 'PubkeyAuthentication=no', '-p', str(port), host,
                     'echo here is $LOGNAME'])
    here.expect('here is odd' in done.stdout, done.stdout)
    here.step = 'a login with a wrong password'
    done = here.run(['sshpass', '-p', 'wrong', 'ssh', *options, '-o', 'PubkeyAuthentication=no', '-o',
                     'NumberOfPasswordPrompts=1', '-p', str(port), host, 'true'], succeeds=False)
    here.expect('Permission denied' in done.stdout, done.stdout)
    here.step = 'a login with a key'
    done = here.run(['ssh', *by_key, '-p', str(port), host, 'echo here is $LOGNAME; exit 3'], succeeds=False)
    here.expect('here is odd' in done.stdout and done.returncode == 3, done.stdout)

    here.step = 'sftp'
    with open(here.path('batch'), 'w', encoding='utf-8') as f:
        f.write('put %s sftp\nget sftp %s\n' % (payload, back))
    here.run(['sftp', *by_key, '-P', str(port), '-b', here.path('batch'), host])
    here.expect_same(payload, back)
    here.expect_same(payload, os.path.join(home, 'sftp'))
    for protocol in [], ['-O']:
        here.step = ' '.join(['scp'] + protocol)
        os.remove(back)
        here.run(['scp', *protocol, *by_key, '-P', str(port), payload, host + ':scp'])
        here.run(['scp', *protocol, *by_key, '-P', str(port), host + ':scp', back])
        here.expect_same(payload, back)
    here.step = 'many logins in a row'
    for _ in range(LOGINS_IN_A_ROW):
        here.run(['ssh', *by_key, '-p', str(port), host, 'true'])
    if here.case == place.VERBOSE:
        here.step = 'what is told'
        here.expect(re.search('seccomp|sandbox', here.said('sshd')), 'no word of the sandbox')
