# Client: rsync over ssh
# Package: rsync openssh-client openssh-server
# Needs: rsync ssh /usr/sbin/sshd
# Server: sshd
# Idle: stop
# Ends: 10,12,255 Connection timed out
# Cannot 2 3 6: the server lets its ssh be 2 MB ahead (channel_pre_open() in channels.c), and the kernel has room for
#   that: strace sees every write succeed, and then poll() for POLLIN alone. Nothing waits to be sent
# Cannot 4: as in scene 3; where the kernel happens to have less room than for 2 MB, the limit acts
# Note: for what ends it, see ssh
case $HOST in
	*:*) host=[$HOST] ;;
	*) host=$HOST ;;
esac
ssh="ssh -F none -i $IDENTITY -o UserKnownHostsFile=$FOLDER/known_hosts -o StrictHostKeyChecking=accept-new -p $PORT"
rsync --whole-file -e "$ssh" "$PAYLOAD" "$host:$TARGET"
