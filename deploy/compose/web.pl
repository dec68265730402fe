#!/usr/bin/perl
# The sample service: answers every GET with its host's name, /health with ok. perl web.pl PORT
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{TERM} = sub { print "web: stopping\n"; exit 0 };
# perl-base has no Sys::Hostname.
open(my $file, '<', '/proc/sys/kernel/hostname') or die;
chomp(my $host = <$file>);
my $port   = shift // 8080;
my $server = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port, Listen => 64, ReuseAddr => 1)
    or die "web: cannot listen on port $port: $!\n";
print "web: listening on port $port\n";
while (my $peer = $server->accept) {
    my $request = '';
    eval {
        local $SIG{ALRM} = sub { die "slow\n" };
        alarm 5;
        while (my $line = <$peer>) {
            last if length($request .= $line) > 8192 or $line =~ /^\r?\n$/;
        }
        alarm 0;
    };
    my $body = $request =~ m{^GET /health } ? "ok\n" : "hello from " . "$host\n";
    print $peer "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ", length $body,
        "\r\nConnection: close\r\n\r\n", $body;
    close $peer;
}
