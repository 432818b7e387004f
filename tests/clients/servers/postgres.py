# SPDX-License-Identifier: MIT
"""PostgreSQL with one table, t, where all lines of a transaction are an upload."""
import fcntl
import glob
import os
import shutil
import signal
import subprocess

from servers import daemon

# The start packet, the wish for TLS before it, and the statement that begins an upload.
OPENING = 512
# By a trigger that has something to say of every 200th line.
TALKS = True

# The databases that others are made from go: they are two thirds of what each cell has to copy.
TABLE = '''CREATE TABLE t (line text)
CREATE SEQUENCE lines
UPDATE pg_database SET datistemplate = false
DROP DATABASE template0
DROP DATABASE template1
'''
TRIGGER = '''CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF nextval('lines') % 200 = 0 THEN RAISE NOTICE 'so far so good'; END IF; RETURN NEW; END$$;
CREATE TRIGGER talk BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION talk()'''
UPLOADS = '''SELECT octet_length(upload), encode(sha256(convert_to(upload, 'UTF8')), 'hex')
FROM (SELECT string_agg(line, E'\\n' ORDER BY ctid) || E'\\n' AS upload FROM t GROUP BY xmin::text) AS uploads'''


def program(name):
    """The newest there is."""
    found = glob.glob('/usr/lib/postgresql/*/bin/' + name)
    if not found:
        raise RuntimeError('there is no %s of PostgreSQL' % name)
    return max(found, key=lambda path: float(path.split('/')[4]))


def template(place, user):
    """A data directory to copy, made once for all cells of a run: that takes a second."""
    path = os.path.join(os.path.dirname(place.folder), 'postgres-template')
    with open(path + '.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            # Under another name until all of it is there: who makes it may be killed.
            draft = path + '.%d' % os.getpid()
            how = daemon.as_user(user)
            daemon.make_folder(draft, user)
            daemon.keep_quiet([program('initdb'), '--pgdata=' + draft, '--username=postgres', '--auth=trust',
                               '--encoding=UTF8', '--locale=C', '--wal-segsize=1', '--no-sync', '--no-instructions'],
                              cwd=draft, **how)
            subprocess.run([program('postgres'), '--single', '-F', '-D', draft, 'postgres'], input=TABLE, text=True,
                           cwd=draft, check=True, capture_output=True, **how)
            os.rename(draft, path)
    return path


class Postgres(daemon.Daemon):
    def __init__(self, place):
        self.place = place
        user = daemon.user_of('postgres', 'nobody')
        self.data = os.path.join(place.folder, 'postgres')
        subprocess.run(['cp', '-a', template(place, user), self.data], check=True)
        if place.tls:
            self.take_key(user)
        # SIGQUIT: at once, and without leaving its shared memory behind.
        super().__init__(self.data, self.argv, Postgres.is_ready, user, signal.SIGQUIT)
        if place.talks:
            self.ask(TRIGGER)

    def take_key(self, user):
        """It takes none that others may read."""
        path = os.path.join(self.data, 'server.key')
        shutil.copyfile(self.place.key, path)
        os.chmod(path, 0o600)
        if user:
            os.chown(path, user.pw_uid, user.pw_gid)

    def argv(self, port):
        settings = {'listen_addresses': '127.0.0.1', 'port': port, 'unix_socket_directories': '', 'fsync': 'off',
                    'autovacuum': 'off', 'max_connections': 10, 'shared_buffers': '32MB', 'max_wal_size': '1GB'}
        if self.place.tls:
            settings |= {'ssl': 'on', 'ssl_cert_file': self.place.certificate}
        return [program('postgres'), '-D', self.data, *('--%s=%s' % setting for setting in settings.items())]

    def is_ready(self):
        try:
            with open(os.path.join(self.data, 'postmaster.pid'), encoding='utf-8') as f:
                return f.read().rstrip().endswith('ready')
        except OSError:
            return False

    def ask(self, statement):
        where = 'host=127.0.0.1 port=%d user=postgres dbname=postgres' % self.port
        return daemon.keep_quiet([program('psql'), '-X', '-q', '-A', '-t', '-F', ' ', '-c', statement, where])

    def received(self):
        return [(int(length), digest) for length, digest in (row.split() for row in self.ask(UPLOADS).splitlines())]


start = Postgres
