# Client: socat TCP
# Package: socat
# Needs: socat
# Server: sink
# Ends: 1 Connection timed out
# Resets 11: 0
# Note: it takes a reset while it reads for an end, and says nothing (read() gives ECONNRESET, it exits with 0)
case $HOST in
*:*)	HOST="[$HOST]" ;;
esac
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | socat -t 100 - "TCP:$HOST:$PORT" >answer
else
	# -t: how long it waits for the answer; half a second, if not told.
	socat -t 100 - "TCP:$HOST:$PORT" <"$PAYLOAD" >answer
fi
