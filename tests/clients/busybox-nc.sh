# Client: busybox nc, linked statically
# Package: busybox-static
# Needs: busybox
# Server: sink
# Ways: outside
# Ends: 1 timed out
# Ends 11: 0
# Note: it takes a read that failed for the end, and says nothing
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | busybox nc "$HOST" "$PORT" >answer
else
	exec busybox nc "$HOST" "$PORT" <"$PAYLOAD" >answer
fi
