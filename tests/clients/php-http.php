<?php
# Client: PHP file_get_contents
# Package: php-cli
# Needs: php
# Server: http
# TLS: yes
# Idle: stop
# Ends: 1 errno=11 Resource temporarily unavailable|SSL: Connection timed out
# Ends 1: 1 Connection timed out
# Resets: 1 errno=110 Connection timed out
# Ends 11: 1 HTTP request failed!|SSL: Connection timed out
# Bare 9: it takes the second 100 Continue for the final answer (php_stream_url_wrap_http_ex in
#   ext/standard/http_fopen_wrapper.c)
# Note: of a read that failed it does not say why; errno=11 is how PHP tells of its own timeout (default_socket_timeout)
#   while it writes
$context = stream_context_create([
    'http' => ['method' => 'PUT', 'header' => 'Content-Type: text/plain',
               'content' => file_get_contents(getenv('PAYLOAD'))],
    # PHP does not find a URL's IPv6 address in a certificate.
    'ssl' => ['cafile' => getenv('CA'), 'peer_name' => 'localhost'],
]);
$answer = file_get_contents(getenv('URL'), false, $context);
if ($answer === false) {
    exit(1);
}
echo $answer;
