# Client: openssl s_client
# Package: openssl
# Needs: openssl
# Server: sink
# TLS: only
# Ends: 1 errno=110|Connection timed out
# Resets: 1 errno=(104|32)
case $HOST in
*:*)	HOST="[$HOST]" ;;
esac
# It closes half a second after its input has ended, and a peer that still talks then meets a reset: so the input ends
# later. (-quiet alone would have it wait for the peer to end first, and the peer waits for it.)
mkfifo input
(
	if [ -n "$IDLE" ]; then
		head -c 1000 "$PAYLOAD"
		sleep "$IDLE"
		tail -c +1001 "$PAYLOAD"
	else
		cat "$PAYLOAD"
	fi && sleep 5
) >input &
exec openssl s_client -quiet -no_ign_eof -verify_quiet -verify_return_error -CAfile "$CA" -servername localhost \
	-connect "$HOST:$PORT" <input >answer
