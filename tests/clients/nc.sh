# Client: nc
# Package: netcat-openbsd
# Needs: nc
# Server: sink
# Ends: 0
# Ends 1: 1
# Note: it ends with 0 after any write that fails
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | nc -N "$HOST" "$PORT" >answer
else
	nc -N "$HOST" "$PORT" <"$PAYLOAD" >answer
fi
