# Client: restic backup --stdin (REST)
# Package: restic
# Needs: restic
# Server: restic
# Ways: outside
# Idle: stop
# Ends: 1 timed out
# Skips 9: Go takes five interim answers (100 Continue) at most, max1xxResponses in net/http/transport.go
# Tries: 40
# Tries 4: 70
# Tries 1 11: 1
# Note: it tries ten times, each with the whole limit, and rests for longer and longer in between, a minute in all.
#   Without a network it then tries as often to take its lock away
export RESTIC_REPOSITORY="rest:$URL" RESTIC_COMPRESSION=off RESTIC_PACK_SIZE=4
exec restic backup --quiet --no-cache --host localhost -o rest.connections=1 --stdin --stdin-filename payload \
	<"$PAYLOAD"
