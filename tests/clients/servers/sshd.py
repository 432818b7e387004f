# SPDX-License-Identifier: MIT
"""Debian's sshd, for ssh, scp, sftp and rsync: whoever runs it logs in, with a key."""
import os
import pwd
import re
import time

import delayline
from servers import daemon, upload

# A client's version, key exchange and login are 3 KB, and scp and sftp ask for a few things before they write.
OPENING = 4000
# It answers every write of scp and sftp, and opens ssh's window again after every 96 KB.
TALKS = True
# Its processes write their last lines when the connection is already gone.
SECONDS_TO_TELL = 0.2

CONFIG = '''ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/identity.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
'''
GOOD_BYE = re.compile(r'^Received disconnect from .*: disconnected by user', re.MULTILINE)


def make_key(path):
    if not os.path.exists(path):
        daemon.keep_quiet(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path])
    return path


def target(place):
    return os.path.join(place.folder, 'upload')


def environment(place):
    return {'IDENTITY': make_key(os.path.join(place.folder, 'identity')), 'TARGET': target(place)}


def expect_login():
    """Of accounts like these sshd refuses the right key, too."""
    user = pwd.getpwuid(os.geteuid())
    if os.path.basename(user.pw_shell) in ('nologin', 'false'):
        raise delayline.Impossible('%s has no shell to log in with' % user.pw_name)
    if os.geteuid() == 0:   # nobody else can read it, sshd neither
        with open('/etc/shadow', encoding='utf-8') as f:
            if any(line.startswith(user.pw_name + ':!') for line in f):
                raise delayline.Impossible('the account of %s is locked' % user.pw_name)


class Sshd(daemon.Daemon):
    def __init__(self, place):
        expect_login()
        self.target = target(place)
        environment(place)
        make_key(os.path.join(place.folder, 'host_key'))
        config = os.path.join(place.folder, 'sshd_config')
        with open(config, 'w', encoding='utf-8') as f:
            f.write(CONFIG.format(folder=place.folder))
        if os.geteuid() == 0:
            # The service makes it when it starts. It stays empty, but without it no sshd of root's starts.
            os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
        super().__init__(place.folder, lambda port: ['/usr/sbin/sshd', '-D', '-e', '-f', config, '-p', str(port)],
                         daemon.Daemon.listens)

    def received(self):
        """What a client wrote that said good-bye. One that is cut off leaves half a file behind, as these protocols
        have it, but sshd knows that it was cut off."""
        time.sleep(SECONDS_TO_TELL)
        with open(self.said, encoding='utf-8', errors='replace') as said:
            if not GOOD_BYE.search(said.read()):
                return []
        return [upload.of_file(self.target)] if os.path.exists(self.target) else []


start = Sshd
