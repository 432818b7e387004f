# Client: nginx
# Package: nginx
# Needs: nginx
# Role: sender
# Server: pull
# TLS: yes
# Ends: 0 110: Connection timed out
# Skips 1: it does not connect
# Skips 9: a client that reads a file has nothing to say meanwhile
cat >nginx.conf <<END
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr info;
events {}
http {
	access_log off;
	sendfile on;
	client_body_temp_path temporary;
	proxy_temp_path temporary;
	fastcgi_temp_path temporary;
	uwsgi_temp_path temporary;
	scgi_temp_path temporary;
	server {
		listen $LITERAL:$PORT${TLS:+ ssl};
		ssl_certificate $CERTIFICATE;
		ssl_certificate_key $KEY;
		location = /payload { alias $PAYLOAD; }
		location / { root $FOLDER; }
	}
}
END
exec nginx -p "$FOLDER" -c nginx.conf -e stderr
