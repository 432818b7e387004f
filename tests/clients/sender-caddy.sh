# Client: caddy
# Package: caddy
# Needs: caddy
# Role: sender
# Server: pull
# TLS: yes
# Ways: outside
# Ends: 0
# Skips 1: it does not connect
# Skips 9: a client that reads a file has nothing to say meanwhile
scheme=http
[ -z "$TLS" ] || scheme=https
cat >Caddyfile <<END
{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
$scheme://localhost:$PORT, $scheme://$LITERAL:$PORT {
	bind $HOST
	${TLS:+tls $CERTIFICATE $KEY}
	handle /payload {
		root * $(dirname "$PAYLOAD")
		rewrite * /$(basename "$PAYLOAD")
		file_server
	}
	handle {
		root * $FOLDER
		file_server
	}
}
END
exec caddy run --config Caddyfile --adapter caddyfile
