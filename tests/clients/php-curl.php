<?php
# Client: PHP curl extension
# Package: php-curl php-cli
# Needs: php php:curl
# Server: http
# TLS: yes
# Ends: 1 timed out
# Ends 1: 1 Failed to connect
# Inside 1 2 3 4 6 11: PHP loads its extensions with RTLD_DEEPBIND (DL_LOAD in Zend/zend_portability.h), so libcurl
#   calls libc past every preloaded library: LD_DEBUG=bindings has libcurl's send and connect bound to libc.so.6, strace
#   shows the calls, and the library's log none
$curl = curl_init(getenv('URL'));
curl_setopt($curl, CURLOPT_CAINFO, getenv('CA'));
curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
if (getenv('IDLE')) {
    curl_exec($curl);
    sleep(getenv('IDLE'));
}
curl_setopt($curl, CURLOPT_UPLOAD, true);
curl_setopt($curl, CURLOPT_INFILE, fopen(getenv('PAYLOAD'), 'r'));
curl_setopt($curl, CURLOPT_INFILESIZE, getenv('SIZE'));
if (curl_exec($curl) === false) {
    fwrite(STDERR, 'upload failed: ' . curl_error($curl) . "\n");
    exit(1);
}
echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), "\n";
