# Client: ncat
# Package: ncat
# Needs: ncat
# Server: sink
# TLS: yes
# Ends: 1 timed out|Input/output error
# Note: over TLS it calls every failed send an "Input/output error" (nsock_core.c, handle_write_result)
if [ -n "$TLS" ]; then
	set -- --ssl --ssl-verify --ssl-trustfile "$CA" --ssl-servername localhost
fi
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | ncat "$@" "$HOST" "$PORT" >answer
else
	ncat "$@" "$HOST" "$PORT" <"$PAYLOAD" >answer
fi
