# Client: psql, \copy
# Package: postgresql-client postgresql
# Needs: psql pg_ctlcluster
# Server: postgres
# TLS: yes
# Ends: 2 timed out
# Resets: 2 server closed the connection unexpectedly|EOF detected
# Note: libpq keeps the error of a send to itself and reads on, so that what it tells of is the read that failed
tls=${TLS:+"sslmode=verify-full sslrootcert=$CA"}
psql -X -q -v ON_ERROR_STOP=1 "host=$HOST port=$PORT user=postgres dbname=postgres $tls" <<end
${IDLE:+\\! sleep $IDLE}
\\copy t from '$PAYLOAD'
end
