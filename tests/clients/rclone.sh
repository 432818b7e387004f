# Client: rclone copyto (S3)
# Package: rclone
# Needs: rclone
# Server: http
# TLS: yes
# Ways: outside
# Idle: stop
# Ends: 1 timed out
# Bare 9: Go takes five interim answers (100 Continue) at most, max1xxResponses in net/http/transport.go
export RCLONE_CONFIG="$FOLDER/rclone.conf" RCLONE_S3_PROVIDER=Other RCLONE_S3_ACCESS_KEY_ID=key
export RCLONE_S3_SECRET_ACCESS_KEY=secret RCLONE_S3_ENDPOINT="${URL%/}" RCLONE_S3_NO_CHECK_BUCKET=true
export RCLONE_S3_NO_HEAD=true
: >"$RCLONE_CONFIG"
exec rclone copyto --ca-cert "$CA" --retries 1 --low-level-retries 1 --no-check-dest "$PAYLOAD" :s3:bucket/payload
