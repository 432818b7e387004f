# Client: git push over http
# Package: git
# Needs: git /usr/lib/git-core/git-http-backend
# Server: git
# TLS: yes
# Ends: 1,128 timed out
# Ends 1: 128 Failed to connect .* after 2[0-9]{3} ms
# Tries 4: 2
# Note: libcurl takes a connection that it has used before, and that fails, for one that the server had closed in the
#   meantime, and connects once more (transfer.c, Curl_retry_request); git does not send again on it
export GIT_AUTHOR_NAME=somebody GIT_AUTHOR_EMAIL=somebody@localhost GIT_SSL_CAINFO="$CA"
export GIT_COMMITTER_NAME=somebody GIT_COMMITTER_EMAIL=somebody@localhost
git init -q work
cd work
git config core.compression 0
cp "$PAYLOAD" payload
git add payload
git commit -q -m 'An upload'
if [ -n "$IDLE" ]; then
	# It runs between the server's greeting and the upload.
	printf '#!/bin/sh\nsleep %s\n' "$IDLE" >.git/hooks/pre-push
	chmod +x .git/hooks/pre-push
fi
exec git push -q "${URL}repository.git" HEAD:refs/heads/main
