# Client: sftp -b
# Package: openssh-client openssh-server
# Needs: sftp /usr/sbin/sshd
# Server: sshd
# Ends: 141,255 Connection timed out
# Cannot 2: it waits for the answer to its first write of 255 KB (do_upload() in sftp-client.c), and strace sees the
#   kernel take all of that. Nothing waits to be sent
# Cannot 3 6: the server lets its ssh be 2 MB ahead (channel_pre_open() in channels.c), and the kernel has room for
#   that: strace sees every write succeed, and then poll() for POLLIN alone. Nothing waits to be sent
# Cannot 4: as in scene 3; where the kernel happens to have less room than for 2 MB, the limit acts
# Note: it ends with 255 if its ssh ends while it reads, by SIGPIPE while it writes. For what ends it, see ssh
case $HOST in
	*:*) host=[$HOST] ;;
	*) host=$HOST ;;
esac
{
	echo pwd
	[ -z "$IDLE" ] || echo "!sleep $IDLE"
	echo "put $PAYLOAD $TARGET"
} >batch
sftp -b batch -F none -i "$IDENTITY" -o UserKnownHostsFile="$FOLDER/known_hosts" -o StrictHostKeyChecking=accept-new \
	-P "$PORT" "$host" >told
