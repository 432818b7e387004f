<?php
# Client: PHP fsockopen, fwrite
# Package: php-cli
# Needs: php
# Server: sink
# TLS: yes
# Ends: 1 errno=110 Connection timed out|SSL: Connection timed out
# Ends 1: 1 Connection timed out
# Ends 11: 1
# Note: of a read that failed it does not say why
$host = str_contains(getenv('HOST'), ':') ? '[' . getenv('HOST') . ']' : getenv('HOST');
$socket = fsockopen("tcp://$host", getenv('PORT'));
if (!$socket) {
    exit(1);
}
if (getenv('TLS')) {
    stream_context_set_option($socket, ['ssl' => ['cafile' => getenv('CA'), 'peer_name' => 'localhost']]);
    if (!stream_socket_enable_crypto($socket, true, STREAM_CRYPTO_METHOD_TLS_CLIENT)) {
        exit(1);
    }
}
$data = file_get_contents(getenv('PAYLOAD'));
$idle = getenv('IDLE');
for ($sent = 0; $sent < strlen($data); $sent += $written) {
    $written = fwrite($socket, substr($data, $sent, $idle && !$sent ? 1000 : 65536));
    if (!$written) {
        exit(1);
    }
    if ($idle && $sent === 0) {
        sleep($idle);
    }
}
stream_socket_shutdown($socket, STREAM_SHUT_WR);
do {
    $answer = fread($socket, 65536);
    if ($answer === false) {
        exit(1);
    }
} while ($answer !== '');
