# Client: lftp put
# Package: lftp python3-pyftpdlib
# Needs: lftp python3:pyftpdlib
# Server: ftp
# Ends: 1 (data|control)-socket: Connection timed out
# Ends 1: 1 max-retries exceeded
# Tries 4: 2
# Note: it tries again, and goes on where the server's file ends; with a pipe it cannot, and ends
cat "$PAYLOAD" | lftp -c "
	debug 1
	set net:max-retries 1
	set net:reconnect-interval-base 1
	open -p $PORT $HOST
	${IDLE:+cd /; !sleep $IDLE}
	put /dev/stdin -o payload"
