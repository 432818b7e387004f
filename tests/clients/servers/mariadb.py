# SPDX-License-Identifier: MIT
"""MariaDB with one table, t in the database uploads, where each row is an upload. Everybody is its master."""
import os
import subprocess

from servers import daemon

# The client's answer to the greeting, and what it asks about the server before it begins.
OPENING = 512
TALKS = False

TABLE = 'CREATE DATABASE uploads;\nCREATE TABLE uploads.t (data LONGBLOB);\n'


class MariaDB(daemon.Daemon):
    def __init__(self, place):
        self.place = place
        user = daemon.user_of('mysql', 'nobody')
        self.folder = daemon.make_folder(os.path.join(place.folder, 'mariadb'), user)
        self.data = daemon.make_folder(os.path.join(self.folder, 'data'), user)
        self.table = os.path.join(place.folder, 'table.sql')
        with open(self.table, 'w', encoding='utf-8') as f:
            f.write(TABLE)
        super().__init__(self.folder, self.argv, MariaDB.is_ready, user)

    def argv(self, port):
        # Without its own tables and InnoDB it needs no mariadb-install-db, and starts at once.
        argv = ['mariadbd', '--no-defaults', '--skip-grant-tables', '--skip-innodb', '--default-storage-engine=Aria',
                '--aria-log-file-size=8M', '--max-allowed-packet=1G', '--datadir=' + self.data,
                '--init-file=' + self.table, '--bind-address=127.0.0.1', '--port=%d' % port,
                '--socket=' + os.path.join(self.folder, 'socket'), '--pid-file=' + os.path.join(self.folder, 'pid')]
        if self.place.tls:
            argv += ['--ssl-cert=' + self.place.certificate, '--ssl-key=' + self.place.key,
                     '--require-secure-transport']
        return argv

    def is_ready(self):
        with open(self.said, encoding='utf-8', errors='replace') as f:
            return 'ready for connections' in f.read()

    def received(self):
        tls = ['--ssl-ca=' + self.place.certificate] if self.place.tls else []
        rows = subprocess.run(['mariadb', '--no-defaults', '--host=127.0.0.1', '--port=%d' % self.port, *tls, '--batch',
                               '--skip-column-names', '--execute=SELECT LENGTH(data), SHA2(data, 256) FROM uploads.t'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        return [(int(length), digest) for length, digest in (row.split('\t') for row in rows.splitlines())]


start = MariaDB
