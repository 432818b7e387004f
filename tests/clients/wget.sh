# Client: wget --post-file
# Package: wget
# Needs: wget
# Server: http
# TLS: yes
# Ends: 4
# Ends 1: 4 timed out
# Ends 11: 4 timed out|Error in the pull function
# Tries: 2
# Note: left to itself it tries 20 times (--tries), each with the whole limit, and rests for 1 to 10 s in between
#   (--waitretry). Of a body that it cannot send it tells nothing but exit status 4, "Network failure"
if [ -n "$IDLE" ]; then
	# It posts to each address that is named, on the same connection; -q because of a summary with times.
	set -- -q --wait "$IDLE" "$URL"
fi
exec wget -nv --tries 2 --waitretry 0 --ca-certificate "$CA" --post-file "$PAYLOAD" -O answer "$@" "$URL"
