# Client: ssh host 'cat >file'
# Package: openssh-client openssh-server
# Needs: ssh /usr/sbin/sshd
# Server: sshd
# Ends: 255 Connection timed out
# Cannot 2 3 6: the server lets ssh be 2 MB ahead (channel_pre_open() in channels.c), and the kernel has room for that:
#   strace sees every write succeed, and then poll() for POLLIN alone. Nothing waits to be sent
# Cannot 4: as in scene 3; where the kernel happens to have less room than for 2 MB, the limit acts
# Note: ssh's own ServerAliveInterval ends these. So does --unacked, unless it is sshd itself that does not read: then
#   its kernel acknowledges all. If the command behind sshd does not read, nothing ends it, for sshd is well and says so
set -- -F none -i "$IDENTITY" -o UserKnownHostsFile="$FOLDER/known_hosts" -o StrictHostKeyChecking=accept-new
if [ -n "$IDLE" ]; then
	(head -c 1000 "$PAYLOAD"; sleep "$IDLE"; tail -c +1001 "$PAYLOAD") | ssh "$@" -p "$PORT" "$HOST" "cat >'$TARGET'"
else
	ssh "$@" -p "$PORT" "$HOST" "cat >'$TARGET'" <"$PAYLOAD"
fi
