# Client: socat TCP
# Package: socat
# Needs: socat
# Server: sink
# Ends: 1 Connection timed out
case $HOST in
*:*)	HOST="[$HOST]" ;;
esac
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | socat -t 100 - "TCP:$HOST:$PORT" >answer
else
	# -t: how long it waits for the answer; half a second, if not told.
	socat -t 100 - "TCP:$HOST:$PORT" <"$PAYLOAD" >answer
fi
