# Client: rsync to a daemon
# Package: rsync
# Needs: rsync
# Server: rsyncd
# Idle: stop
# Ends: 10 Connection timed out
# Ends 11: 12 Connection timed out
case $HOST in
	*:*) host=[$HOST] ;;
	*) host=$HOST ;;
esac
rsync --whole-file $TALK "$PAYLOAD" "rsync://$host:$PORT/module/upload" >told
