# Client: redis-cli --pipe
# Package: redis-tools redis-server
# Needs: redis-cli redis-server
# Server: redis
# TLS: yes
# Ends: 1 ^$
# Ends 1: 1 timed out
# Ends 11: 1 timed out|last reply...\s*$
# Note: when a read fails, pipeMode() ends with 1 and says nothing
(
	printf '*1\r\n$4\r\nPING\r\n'
	[ -z "$IDLE" ] || sleep "$IDLE"
	# All lines or none.
	printf '*1\r\n$5\r\nMULTI\r\n'
	awk '{ printf "*3\r\n$5\r\nRPUSH\r\n$6\r\nupload\r\n$%d\r\n%s\r\n", length, $0 }' "$PAYLOAD"
	printf '*1\r\n$4\r\nEXEC\r\n'
) | redis-cli -h "$HOST" -p "$PORT" ${TLS:+--tls --cacert "$CA"} --pipe
