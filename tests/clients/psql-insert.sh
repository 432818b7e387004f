# Client: psql, one large INSERT
# Package: postgresql-client postgresql
# Needs: psql pg_ctlcluster
# Server: postgres
# TLS: yes
# Ends: 2 timed out
# Resets: 2 server closed the connection unexpectedly|EOF detected
# Skips 9: the server says nothing until it has all of a statement
# Note: libpq keeps the error of a send to itself and reads on, so that what it tells of is the read that failed
tls=${TLS:+"sslmode=verify-full sslrootcert=$CA"}
psql -X -q -v ON_ERROR_STOP=1 "host=$HOST port=$PORT user=postgres dbname=postgres $tls" <<end
\\set upload \`cat "$PAYLOAD"\`
${IDLE:+\\! sleep $IDLE}
INSERT INTO t VALUES (:'upload');
end
