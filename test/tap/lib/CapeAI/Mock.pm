# The mock OpenAI server as an object: starts it, scripts it, asks what it saw.
#
#   my $mock = CapeAI::Mock->new;              # skips the whole test file where it is not built
#   $mock->base_url                            # for capeai.base_url
#   $mock->default('latency=1000');            # script of requests that bring none
#   $mock->report->{peak_in_flight}; $mock->requests('tag'); $mock->reset;
#   $mock->request(POST => '/v1/chat/completions', {...});   # -> {status, headers, content, json}
#
# The process ends with its standard input, so nothing is left over when a test dies.
package CapeAI::Mock;

use strict;
use warnings;

use HTTP::Tiny;
use IPC::Open2;
use JSON::PP;
use Test::More;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Where the server's program is.
sub program { return $ENV{CAPEAI_MOCK_OPENAI} // 'build/mock_openai'; }

sub new
{
	my ($class, @options) = @_;
	my $program = program();
	die "$program is not built (make tap builds it)" unless -x $program;
	my $pid = open2(my $out, my $in, $program, '--exit-with-stdin', @options);
	my ($port) = (<$out> // '') =~ /^port (\d+)$/ or die "$program did not start";
	return bless { pid => $pid, in => $in, out => $out, port => $port,
		http => HTTP::Tiny->new(timeout => 30, max_redirect => 0) }, $class;
}

sub port { return $_[0]{port}; }
sub pid { return $_[0]{pid}; }
sub key { return 'sk-test'; }
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}$path"; }
sub base_url { return $_[0]->url('/v1'); }

# One request with the right key; %headers replaces headers (undef leaves one out).
sub request
{
	my ($self, $method, $path, $body, %headers) = @_;
	my %all = ('authorization' => 'Bearer ' . key(), 'content-type' => 'application/json', %headers);
	delete $all{$_} for grep { !defined $all{$_} } keys %all;
	my %options = (headers => \%all);
	$options{content} = ref $body ? $json->encode($body) : $body if defined $body;
	my $reply = $self->{http}->request($method, $self->url($path), \%options);
	$reply->{json} = eval { $json->decode($reply->{content}) };
	return $reply;
}

# A chat request with one user message.
sub chat
{
	my ($self, $model, $text, %members) = @_;
	return $self->request(POST => '/v1/chat/completions',
		{ model => $model, messages => [ { role => 'user', content => $text } ], %members });
}

sub report { my ($self, $last) = @_; return $self->request(GET => '/_mock/report?last=' . ($last // 100))->{json}; }

# The requests whose user text held [[tag:$tag]], oldest first; all without a tag.
sub requests
{
	my ($self, $tag, $with_body) = @_;
	my $list = $self->request(GET => '/_mock/requests?tag=' . ($tag // '') . ($with_body ? '&body=1' : ''))->{json};
	return @$list;
}

sub reset { $_[0]->request(POST => '/_mock/reset', ''); return; }

sub default
{
	my ($self, $settings) = @_;
	my $reply = $self->request(POST => '/_mock/default', $settings);
	die "the mock refuses '$settings': $reply->{content}" if $reply->{status} != 200;
	return;
}

# Ends the server; false if it did not exit cleanly.
sub stop
{
	my ($self) = @_;
	return 1 unless $self->{pid};
	kill 'TERM', $self->{pid};
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return $? == 0;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	$self->stop;
	return;
}

1;
