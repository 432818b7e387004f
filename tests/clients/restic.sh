# Client: restic backup --stdin (REST)
# Package: restic
# Needs: restic
# Server: restic
# Ways: outside
# Idle: stop
# Ends: 1 timed out
# Tries: 40
# Note: it tries ten times, each with the whole limit, and rests for longer and longer in between, a minute in all
export RESTIC_REPOSITORY="rest:$URL" RESTIC_COMPRESSION=off RESTIC_PACK_SIZE=4
exec restic backup --quiet --no-cache --host localhost -o rest.connections=1 --stdin --stdin-filename payload \
	<"$PAYLOAD"
