# Client: bash /dev/tcp
# Package: bash coreutils
# Needs: bash
# Server: sink
# Run: bash $FILE
# Ends: 1 Connection timed out
# Bare 9: nobody reads what the peer says, so the kernel closes with a reset, and what was under way is lost
# Skips 11: cat hands the 200 bytes to the kernel and ends: nobody waits, bare or under sndtimeo
# Note: bash only connects, and what it runs writes: the connection comes to cat over exec, as its standard output.
#   Of such a one the library keeps the kernel's buffer small, for stdio's sake: at a slow peer cat ends later than bare
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") >"/dev/tcp/$HOST/$PORT"
else
	cat "$PAYLOAD" >"/dev/tcp/$HOST/$PORT"
fi
