# Client: Perl IO::Socket, syswrite
# Package: perl libio-socket-ssl-perl
# Needs: perl perl:IO::Socket::SSL
# Server: sink
# TLS: yes
# Ends: 110 Connection timed out
# Resets: 104,32 reset|Broken pipe
use strict;
use warnings;
use IO::Socket::IP;
use IO::Socket::SSL;

my @to = (PeerHost => $ENV{HOST}, PeerPort => $ENV{PORT});
my $socket = $ENV{TLS}
    ? IO::Socket::SSL->new(@to, SSL_ca_file => $ENV{CA}, SSL_verifycn_name => 'localhost')
    : IO::Socket::IP->new(@to);
die "cannot connect: $@\n" unless $socket;
open my $file, '<:raw', $ENV{PAYLOAD} or die "$ENV{PAYLOAD}: $!\n";
my $data = do { local $/; <$file> };
my $sent = 0;
if ($ENV{IDLE}) {
    $sent = syswrite $socket, $data, 1000;
    sleep $ENV{IDLE};
}
while ($sent < length $data) {
    my $written = syswrite $socket, $data, length($data) - $sent, $sent;
    die "cannot send: $!\n" unless defined $written;
    $sent += $written;
}
shutdown $socket, SHUT_WR;
while (1) {
    my $read = sysread $socket, my $answer, 65536;
    die "no answer: $!\n" unless defined $read;
    last unless $read;
}
