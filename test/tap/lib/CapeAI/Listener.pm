# A psql session that LISTENs, and the events it got.
#
#   my $listener = $node->listen($channel);
#   $listener->wait_for(sub { $_[0]{event} eq 'succeeded' });   # true if it came
#   my @events = $listener->events;     # payloads, decoded, in order of arrival
#   my @raw = $listener->payloads;
package CapeAI::Listener;

use strict;
use warnings;

use JSON::PP;
use Time::HiRes qw(time usleep);

sub new
{
	my ($class, $session, $channel) = @_;
	my $self = bless { session => $session, payloads => [] }, $class;
	$session->query_safe(q(SET client_encoding = 'UTF8'));
	$session->query_safe(qq(LISTEN "$channel"));
	return $self;
}

# Takes in what has come since the last call. (psql prints notifications after a command.)
sub poll
{
	my ($self) = @_;
	my $out = $self->{session}->query('SELECT 1');
	push @{ $self->{payloads} }, $out =~ /^Asynchronous notification "[^"]+" with payload "(.*)" received from server process with PID \d+\.$/mg;
	return;
}

sub payloads { return @{ $_[0]{payloads} }; }
sub events { return map { JSON::PP->new->utf8->decode($_) } $_[0]->payloads; }

# Waits until an event fulfils the condition; false after $timeout seconds (60).
sub wait_for
{
	my ($self, $condition, $timeout) = @_;
	my $end = time() + ($timeout // 60);
	while (time() < $end)
	{
		$self->poll;
		return 1 if grep { $condition->($_) } $self->events;
		usleep(20_000);
	}
	return 0;
}

sub wait_for_end { return $_[0]->wait_for(sub { $_[0]{event} =~ /^(succeeded|failed|cancelled)$/ }); }
sub close { $_[0]{session}->quit; return; }

1;
