# Client: curl -F (a form)
# Package: curl
# Needs: curl
# Server: http
# TLS: yes
# Ends: 55,56 timed out
# Ends 1: 28 Failed to connect
# Ends 11: 35,55,56 timed out
if [ -n "$IDLE" ]; then
	# --rate: a transfer begins so many seconds after the one before.
	set -- --rate 12/m "$URL" -o /dev/null --next
fi
exec curl -sS --cacert "$CA" "$@" -sS --cacert "$CA" -F "file=@$PAYLOAD" "$URL"
