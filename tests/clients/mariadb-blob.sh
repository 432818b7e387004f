# Client: mariadb, INSERT of a BLOB
# Package: mariadb-client mariadb-server
# Needs: mariadb mariadbd
# Server: mariadb
# TLS: yes
# Ends: 1 ERROR 2006
# Ends 1: 1 ERROR 2002 .*\(115\)
# Ends 11: 1 timed out|system error: 110
# Resets: 1 ERROR 20(06|13|26)
# Skips 9: the server says nothing until it has all of a statement
# Note: of every send that fails it says that the server has gone away (2006). 115 stands for any connect that fails
#   late: libmariadb (pvio_socket_connect) tells errno, which is still EINPROGRESS, and not SO_ERROR
(
	echo 'SELECT 1;'
	[ -z "$IDLE" ] || sleep "$IDLE"
	printf "INSERT INTO t VALUES ('"
	cat "$PAYLOAD"
	echo "');"
) | mariadb -h "$HOST" -P "$PORT" ${TLS:+--ssl-ca="$CA" --ssl-verify-server-cert} --max-allowed-packet=1G uploads
