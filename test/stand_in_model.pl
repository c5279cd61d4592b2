# A stand-in for a language model, to record agents' tests where there is none: a server that speaks enough of
# OpenAI's chat completions for `make agent-record`.
#
#   perl test/stand_in_model.pl [PORT]        prints `port N`; any key will do
#   OPENAI_API_KEY=x OPENAI_BASE_URL=http://127.0.0.1:N/v1 OPENAI_MODEL=stand-in make agent-record NAME=...
#
# It reads the numbered passages of the prompt, answers with the one that has most words of the question, and cites it;
# where none has half of them it says that it does not know. So recordings show a model that does as it is told,
# which is what they are to show: not how clever one is.
use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;

my %telling_nothing = map { $_ => 1 }
  qw(a an and are as at be by can do does for from have how i in is it me my of on or our should that the there this to was we what when where which who why will with you your);

my $server = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', LocalPort => $ARGV[0] // 0, ReuseAddr => 1)
  or die "cannot listen: $!";
$| = 1;
print 'port ', $server->sockport, "\n";
while (my $client = $server->accept)
{
	my ($length) = (0);
	while (defined(my $line = <$client>))
	{
		$length = $1 if $line =~ /^content-length:\s*(\d+)/i;
		last if $line =~ /^\r?\n$/;
	}
	read($client, my $body, $length);
	my $reply = encode_json(completion(decode_json($body)));
	print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ", length($reply), "\r\n\r\n", $reply;
	close($client);
}

sub words { return grep { !$telling_nothing{$_} } map { s/(?<=....)(s|es|ed|ing)\z//r } lc($_[0]) =~ /\w+/g; }

sub completion
{
	my ($request) = @_;
	my $prompt = $request->{messages}[-1]{content};
	my ($question) = $prompt =~ /Question: (.*)\z/s;
	my %passages = $prompt =~ m{^<passage (\d+) \w+>\n(.*?)</passage }gms;
	my $answer = answer($question // $prompt, \%passages);
	my $schema = $request->{response_format}{json_schema}{schema}{properties};
	my $text = $schema ? encode_answer($answer, $schema) : $answer->{response};
	return { id => 'stand-in', object => 'chat.completion', model => 'stand-in',
		choices => [ { index => 0, finish_reason => 'stop', message => { role => 'assistant', content => $text } } ],
		usage => { prompt_tokens => int(length($prompt) / 4), completion_tokens => int(length($text) / 4), total_tokens => int((length($prompt) + length($text)) / 4) } };
}

sub answer
{
	my ($question, $passages) = @_;
	my %asked = map { $_ => 1 } words($question);
	my ($best, $most) = (undef, 0);
	for my $number (sort { $a <=> $b } keys %$passages)
	{
		my %there = map { $_ => 1 } words($passages->{$number});
		my ($section) = $passages->{$number} =~ /^section: .*?([^>\n]*)$/m;
		my %heading = map { $_ => 1 } words($section // '');
		my $share = (grep { $there{$_} } keys %asked) / (keys(%asked) || 1);
		$share += (grep { $heading{$_} } keys %asked) / (keys(%asked) || 1);
		($best, $most) = ($number, $share) if $share > $most;
	}
	return { response => 'The documentation does not say.', citations => [], confidence => 0.1, suggestions => [] } if $most < 0.5;
	my ($text) = $passages->{$best} =~ /^text:\n(.*)/ms;
	$text =~ s/\s+\z//;
	return { response => "$text\n\n[$best]", citations => [ $best + 0 ], confidence => $most > 1 ? 0.9 : 0.6, suggestions => ['What else is there to know?'] };
}

# Members in the order of the schema; those that it does not know how to fill are empty.
sub encode_answer
{
	my ($answer, $schema) = @_;
	my %empty = (string => '', array => [], number => 0, integer => 0, boolean => JSON::PP::false, object => {});
	my %object = map { $_ => $answer->{$_} // $schema->{$_}{enum}[0] // $empty{ $schema->{$_}{type} } } keys %$schema;
	return JSON::PP->new->canonical->encode(\%object);
}
