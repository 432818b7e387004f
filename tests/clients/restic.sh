# Client: restic backup --stdin (REST)
# Package: restic
# Needs: restic
# Server: restic
# Ways: outside
# Idle: stop
# Ends: 1 timed out
# Skips 4: without a network every request of it is tried ten times, removals, too, which takes longer than a run may
# Skips 9: Go takes five interim answers (100 Continue) at most, max1xxResponses in net/http/transport.go
# Tries: 40
# Tries 1 11: 1
# Note: it tries ten times, each with the whole limit, and rests for longer and longer in between, a minute in all
export RESTIC_REPOSITORY="rest:$URL" RESTIC_COMPRESSION=off RESTIC_PACK_SIZE=4
exec restic backup --quiet --no-cache --host localhost -o rest.connections=1 --stdin --stdin-filename payload \
	<"$PAYLOAD"
