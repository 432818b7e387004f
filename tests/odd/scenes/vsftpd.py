# SPDX-License-Identifier: MIT
"""vsftpd.

Each session's processes are in seccomp sandboxes, and files are sent by sendfile() from there. Newer glibcs are not
what the sandboxes know: a library with older calls comes after ours, and the lists of files, which libc makes itself,
are left out.
"""
import ftplib
import os
import pwd
import shutil

import place

PACKAGES = ('vsftpd',)
NEEDS = ('vsftpd', 'cc')
CASES = place.CASES + (place.VERBOSE,)

CONFIG = '''listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
seccomp_sandbox=YES
anonymous_enable=YES
anon_root={folder}/files
anon_upload_enable=YES
anon_umask=022
write_enable=YES
local_enable=NO
no_anon_password=YES
ftp_username={user}
secure_chroot_dir={folder}/empty
vsftpd_log_file={folder}/vsftpd.log
xferlog_enable=YES
use_localtime=YES
use_sendfile={sendfile}
'''
# Its home has to be there, which nobody's is not.
USER = 'daemon'
SESSIONS = 3


def transfer(port, payload):
    with ftplib.FTP(timeout=20) as ftp:
        ftp.connect('127.0.0.1', port)
        ftp.login()
        with open(payload, 'rb') as f:
            ftp.storbinary('STOR upload/stored', f)
        back = []
        ftp.retrbinary('RETR upload/stored', back.append)
        ftp.quit()
    return b''.join(back)


def play(here):
    here.need_root('vsftpd does')
    user = pwd.getpwnam(USER)
    for folder in 'files', 'files/upload', 'empty':
        os.mkdir(here.path(folder), 0o755)
    os.chown(here.path('files/upload'), user.pw_uid, user.pw_gid)
    older = here.build('oldcalls.c', '-shared', '-fPIC', '-w')
    payload = here.payload()
    with open(payload, 'rb') as f:
        sent = f.read()
    for sendfile in 'YES', 'NO':
        port = place.free_port()
        config = here.path('vsftpd-%s.conf' % sendfile)
        with open(config, 'w', encoding='utf-8') as f:
            f.write(CONFIG.format(port=port, folder=here.folder, user=USER, sendfile=sendfile))
        here.start(here.by_command([shutil.which('vsftpd'), config], older), 'server-' + sendfile, port)
        here.step = 'with use_sendfile=' + sendfile
        for _ in range(SESSIONS):
            try:
                back = transfer(port, payload)
            except (*ftplib.all_errors, EOFError) as error:
                raise place.Failure(repr(error)) from error
            here.expect(back == sent, '%d of %d bytes came back as they were' % (len(back), len(sent)))
            os.remove(here.path('files/upload/stored'))
