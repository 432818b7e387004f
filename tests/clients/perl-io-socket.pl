# Client: Perl IO::Socket::IP, print
# Package: perl
# Needs: perl
# Server: sink
# Ends: 110 Connection timed out
# Resets: 104,32 reset|Broken pipe
use strict;
use warnings;
use IO::Socket::IP;

my $socket = IO::Socket::IP->new(PeerHost => $ENV{HOST}, PeerPort => $ENV{PORT}) or die "cannot connect: $@\n";
open my $file, '<:raw', $ENV{PAYLOAD} or die "$ENV{PAYLOAD}: $!\n";
while (<$file>) {
    print $socket $_ or die "cannot send: $!\n";
    if ($. == 16 && $ENV{IDLE}) {
        $socket->flush or die "cannot send: $!\n";
        sleep $ENV{IDLE};
    }
}
$socket->flush or die "cannot send: $!\n";
$socket->shutdown(SHUT_WR);
defined(my $answer = <$socket>) or die "no answer: $!\n";
