# Client: redis-cli -x SET
# Package: redis-tools redis-server
# Needs: redis-cli redis-server
# Server: redis
# TLS: yes
# Ends: 1 timed out|recv timeout
# Tries 1 11: 2
# Skips 9: the server says nothing until it has all of a command
# Note: without a connection it tries once more (issueCommandRepeat), bare, too
set -- -h "$HOST" -p "$PORT" ${TLS:+--tls --cacert "$CA"}
if [ -n "$IDLE" ]; then
	(
		echo PING
		sleep "$IDLE"
		printf 'SET upload "'
		sed 's/$/\\n/' "$PAYLOAD" | tr -d '\n'
		echo '"'
	) | redis-cli "$@"
else
	redis-cli "$@" -x SET upload <"$PAYLOAD"
fi
