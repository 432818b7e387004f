# Client: socat OPENSSL
# Package: socat
# Needs: socat
# Server: sink
# TLS: only
# Ends: 1 Connection timed out
case $HOST in
*:*)	HOST="[$HOST]" ;;
esac
to="OPENSSL:$HOST:$PORT,cafile=$CA,commonname=localhost"
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | socat -t 100 - "$to" >answer
else
	# -t: how long it waits for the peer's end; half a second, if not told.
	socat -t 100 - "$to" <"$PAYLOAD" >answer
fi
