# Client: Perl LWP, PUT
# Package: libwww-perl liblwp-protocol-https-perl perl
# Needs: perl perl:LWP::UserAgent perl:LWP::Protocol::https
# Server: http
# TLS: yes
# Ends: 1 ^500 (read|write) failed: Connection timed out
# Ends 1 11: 1 ^500 (Can't connect|Status read failed).*Connection timed out
# Skips 9: it takes the second 100 Continue for the final answer (request in LWP/Protocol/http.pm) and ends, and what
#   is still in the buffers is lost or not
use strict;
use warnings;
use LWP::UserAgent;

my $agent = LWP::UserAgent->new(keep_alive => 1, ssl_opts => { SSL_ca_file => $ENV{CA} });
if ($ENV{IDLE}) {
    $agent->get($ENV{URL});
    sleep $ENV{IDLE};
}
open my $file, '<:raw', $ENV{PAYLOAD} or die "$ENV{PAYLOAD}: $!\n";
my $data = do { local $/; <$file> };
my $answer = $agent->put($ENV{URL}, Content => $data);
print $answer->status_line, "\n";
exit $answer->is_error ? 1 : 0;
