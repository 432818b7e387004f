# Client: mariadb, LOAD DATA LOCAL INFILE
# Package: mariadb-client mariadb-server
# Needs: mariadb mariadbd
# Server: mariadb
# TLS: yes
# Ends: 1 ERROR 2013|timed out \(110\)
# Ends 1: 1 ERROR 2002 .*\(115\)
# Ends 11: 1 timed out|system error: 110
# Resets: 1 ERROR 20(06|13|26)
# Skips 9: the server says nothing until it has the whole file
# Note: of a send that fails it says "Lost connection" (2013), over TLS the error itself.
#   115 stands for any connect that fails late
(
	echo 'SELECT 1;'
	[ -z "$IDLE" ] || sleep "$IDLE"
	# All of the file is one row.
	echo "LOAD DATA LOCAL INFILE '$PAYLOAD' INTO TABLE t FIELDS TERMINATED BY '|' LINES TERMINATED BY '|';"
) | mariadb -h "$HOST" -P "$PORT" ${TLS:+--ssl-ca="$CA" --ssl-verify-server-cert} --local-infile uploads
