# Client: busybox wget --post-file, linked statically
# Package: busybox-static
# Needs: busybox
# Server: http
# Ways: outside
# Idle: stop
# Ends: 1 timed out
exec busybox wget -q --post-file "$PAYLOAD" -O answer "$URL"
