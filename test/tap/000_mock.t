# The mock OpenAI server itself: what the other tests rely on.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;

my $mock = CapeAI::Mock->new;

# Sends a chat request on a socket of its own; everything that comes back until the
# end, and how it ended ('' or the error).
sub raw_chat
{
	my ($model, %members) = @_;
	my $body = encode_json({ model => $model, messages => [ { role => 'user', content => 'Hello' } ], %members });
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mock->port) or die "connect: $!";
	print $socket "POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer sk-test\r\n"
	  . "Content-Type: application/json\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	$socket->flush;
	my ($all, $part) = ('', '');
	while (1)
	{
		my $got = sysread($socket, $part, 65536);
		return ($all, "$!") unless defined $got;
		return ($all, '') if $got == 0;
		$all .= $part;
	}
}

sub sse_events { return $_[0] =~ /^data: (.*)$/mg; }

# --- normal
my $reply = $mock->chat('mock', 'What is up? [[tag:first]]');
is($reply->{status}, 200, 'a chat request is answered');
like($reply->{json}{choices}[0]{message}{content}, qr/What is up\?/, 'with an echo of the question');
is($reply->{json}{choices}[0]{finish_reason}, 'stop', 'and a finish reason');
cmp_ok($reply->{json}{usage}{total_tokens}, '>', 0, 'and usage');
is(scalar($mock->requests('first')), 1, 'the report knows it by its tag');
is($mock->request(POST => '/chat/completions', '{"model":"mock","messages":[{"role":"user","content":"x"}]}')->{status},
	200, 'without /v1 too');
is($mock->request(GET => '/v1/models')->{json}{object}, 'list', 'models');
is($mock->chat('mock:text=a%2Cb', 'x')->{json}{choices}[0]{message}{content}, 'a,b', 'a literal answer');

# --- structured answers
my %guide = (response_format => { type => 'json_schema', json_schema => { name => 'guide', strict => JSON::PP::true,
	schema => { type => 'object', additionalProperties => JSON::PP::false,
		required => [ 'response', 'citations', 'confidence' ], properties => {
			response => { type => 'string' }, confidence => { type => 'number', minimum => 0, maximum => 1 },
			citations => { type => 'array', items => { type => 'integer' } } } } } });
my $prompt = "[1] Servers\nA server waits. Restart the server with pg_ctl restart.\n[2] Else\nNothing.\nQuestion: How to restart?";
my $answer = decode_json($mock->chat('mock', $prompt, %guide)->{json}{choices}[0]{message}{content});
is($answer->{response}, 'Restart the server with pg_ctl restart. [1]', 'a structured answer comes from the passages');
is_deeply($answer->{citations}, [1], 'and cites them');
like($mock->chat('mock', "<passage 2 ab12>\ntitle: Box. Where?\ntext:\nPut it in the box.\n</passage 2 ab12>\nWhere to put it?")->{json}{choices}[0]{message}{content},
	qr/^Put it in the box\. \[2\]$/, 'passages in blocks are read too');
like($mock->chat('mock', "Answer in JSON after this schema: " . encode_json($guide{response_format}{json_schema}{schema}) . "\n$prompt")->{json}{choices}[0]{message}{content},
	qr/^\{.*"citations":\[1\]/, 'a schema in the prompt is answered too');
unlike($mock->chat('mock:bad_json', $prompt, %guide)->{content}, qr/pg_ctl/, 'bad_json breaks it');
like($mock->chat('mock:wrap', $prompt, %guide)->{content}, qr/```json/, 'wrap fences it');
is($mock->chat('mock:refusal', 'x')->{json}{choices}[0]{message}{content}, undef, 'a refusal has no content');

# --- streaming
my ($stream) = raw_chat('mock:chunk=3,text=' . "Gr\x{fc}\x{df}e", stream => JSON::PP::true,
	stream_options => { include_usage => JSON::PP::true });
my @events = sse_events($stream);
is($events[-1], '[DONE]', 'a stream ends with [DONE]');
my @chunks = map { decode_json($_) } @events[ 0 .. $#events - 1 ];
is_deeply($chunks[-1]{choices}, [], 'usage comes in a chunk without choices');
cmp_ok($chunks[-1]{usage}{completion_tokens}, '>', 0, 'and has tokens');
is(join('', map { $_->{choices}[0]{delta}{content} // '' } @chunks), "Gr\x{fc}\x{df}e", 'the deltas make the text');
($stream) = raw_chat('mock', stream => JSON::PP::true);
unlike($stream, qr/usage/, 'no usage unless asked for');
($stream) = raw_chat('mock:truncate=2', stream => JSON::PP::true);
@events = sse_events($stream);
is(scalar(@events), 2, 'truncate closes after two chunks');
unlike($stream, qr/\r\n0\r\n\r\n$/, 'without the last chunk of HTTP');
($stream) = raw_chat('mock:error_in_stream', stream => JSON::PP::true);
like($stream, qr/data: \{"error"/, 'an error in the stream');
($stream) = raw_chat('mock:split=7,crlf,comments', stream => JSON::PP::true);
like($stream, qr/: OPENROUTER PROCESSING\r\n\r\ndata: /, 'comments and CRLF');
my ($bytes, $ending) = raw_chat('mock:reset=50');
like($ending, qr/reset/i, 'reset resets the connection');
cmp_ok(length($bytes), '<=', 50, 'after at most so many bytes');

# --- strictness
my @user = (messages => [ { role => 'user', content => 'x' } ]);
for my $case (
	[ 'unknown member', { model => 'mock', @user, foo => 1 }, 'foo', 'unknown_parameter' ],
	[ 'no messages', { model => 'mock' }, 'messages', 'missing_required_parameter' ],
	[ 'empty messages', { model => 'mock', messages => [] }, 'messages', 'empty_array' ],
	[ 'no model', { @user }, 'model', 'missing_required_parameter' ],
	[ 'text for a number', { model => 'mock', @user, temperature => 'hot' }, 'temperature', 'invalid_type' ],
	[ 'temperature 2.5', { model => 'mock', @user, temperature => 2.5 }, 'temperature', 'decimal_above_max_value' ],
	[ 'unknown role', { model => 'mock', messages => [ { role => 'boss', content => 'x' } ] }, 'messages[0].role', 'invalid_value' ],
	[ 'unknown member of a message', { model => 'mock', messages => [ { role => 'user', content => 'x', at => 1 } ] },
		'messages[0].at', 'unknown_parameter' ],
	[ 'content that is null', { model => 'mock', messages => [ { role => 'user', content => undef } ] }, 'messages[0].content', undef ],
	[ 'stream_options without stream', { model => 'mock', @user, stream_options => { include_usage => JSON::PP::true } }, 'stream_options', undef ],
	[ 'bad schema name', { model => 'mock', @user, response_format => { type => 'json_schema',
		json_schema => { name => 'a b', schema => {} } } }, 'response_format.json_schema.name', 'invalid_value' ],
	[ 'open strict schema', { model => 'mock', @user, response_format => { type => 'json_schema',
		json_schema => { name => 'a', strict => JSON::PP::true, schema => { type => 'object', properties => {} } } } }, 'response_format', undef ],
	[ 'json_object without the word', { model => 'mock', @user, response_format => { type => 'json_object' } }, 'messages', undef ],
	[ 'both limits', { model => 'mock', @user, max_tokens => 5, max_completion_tokens => 5 }, 'max_tokens', 'invalid_parameter_combination' ],
  )
{
	my ($name, $body, $param, $code) = @$case;
	my $refused = $mock->request(POST => '/v1/chat/completions', $body);
	is_deeply([ $refused->{status}, @{ $refused->{json}{error} }{qw(type param code)} ],
		[ 400, 'invalid_request_error', $param, $code ], "refused: $name");
}
is($mock->request(POST => '/v1/chat/completions', '{"model":')->{status}, 400, 'refused: broken JSON');
is($mock->request(POST => '/v1/chat/completions', { model => 'mock', @user }, 'content-type' => 'text/plain')->{status},
	400, 'refused: another content type');
is($mock->request(GET => '/v1/models', undef, authorization => undef)->{status}, 401, 'refused: no key');
like($mock->request(GET => '/v1/models', undef, authorization => 'Bearer sk-other-and-long')->{json}{error}{message},
	qr/sk-other\*+long/, 'refused: another key, of which the message shows a part');
is($mock->request(GET => '/v1/nothing')->{status}, 404, 'refused: another path');
is($mock->request(POST => '/v1/embeddings', { model => 'e', input => [] })->{status}, 400, 'refused: nothing to embed');
is(scalar(@{ $mock->request(POST => '/v1/embeddings', { model => 'e', input => 'x', dimensions => 8 })->{json}{data}[0]{embedding} }),
	8, 'an embedding has the wanted length');
is($mock->chat('mock:latancy=5', 'x')->{json}{error}{type}, 'mock_script_error', 'a misspelt setting is told');

# --- faults by script
my @statuses = map { $mock->chat('mock:status=429,retry_after=2,times=2', 'x') } 1 .. 3;
is_deeply([ map { $_->{status} } @statuses ], [ 429, 429, 200 ], 'times: two requests fail, the third does not');
is($statuses[0]{headers}{'retry-after'}, 2, 'with Retry-After');
is($mock->chat('mock', 'x [[mock: status=503,body=html]]')->{status}, 503, 'the script in the message');
is($mock->request(POST => '/v1/chat/completions', { model => 'gpt-4o-mini', @user }, 'x-mock-script' => 'status=500')->{status},
	500, 'the script in a header');
$mock->default('status=404');
is($mock->chat('gpt-4o-mini', 'x')->{json}{error}{code}, 'model_not_found', 'the default script');
$mock->reset;
is($mock->chat('gpt-4o-mini', 'x')->{status}, 200, 'reset forgets it');
is($mock->chat('mock:reject=stream_options', 'x', stream => JSON::PP::true, stream_options => { include_usage => JSON::PP::true })->{status},
	400, 'reject=stream_options');
my $start = time();
$mock->chat('mock:latency=200', 'x');
cmp_ok(time() - $start, '>=', 0.2, 'latency waits');

# --- a client that leaves, and many at once
$mock->reset;
{
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mock->port);
	my $body = '{"model":"mock:hang","messages":[{"role":"user","content":"x"}]}';
	print $socket "POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer sk-test\r\n"
	  . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	$socket->flush;
	my $seen = 0;
	for (1 .. 500) { last if $seen = $mock->report(0)->{in_flight} == 1; }
	ok($seen, 'a hanging request is in flight');
	close $socket;
	for (1 .. 500) { last if $mock->report(0)->{aborted_by_client} == 1; }
	is($mock->report(0)->{aborted_by_client}, 1, 'and aborted when the client leaves');
}

my $clients = 2000;
my $limit = `sh -c 'ulimit -n'`;
SKIP: {
	skip 'too few file descriptors', 3 if $limit ne "unlimited\n" && $limit < $clients + 100;
	my $body = '{"model":"mock:latency=500","messages":[{"role":"user","content":"x"}]}';
	my $request = "POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer sk-test\r\n"
	  . "Content-Type: application/json\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	my @sockets;
	$start = time();
	for (1 .. $clients)
	{
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mock->port) or die "connect: $!";
		syswrite($socket, $request);
		push @sockets, $socket;
	}
	my $ok = 0;
	for my $socket (@sockets)
	{
		my $answer = do { local $/; <$socket> };
		$ok++ if $answer =~ m{^HTTP/1.1 200 OK.*"finish_reason":"stop"}s;
	}
	is($ok, $clients, "$clients requests with latency are all answered");
	cmp_ok(time() - $start, '<', 30, 'side by side');
	cmp_ok($mock->report(0)->{peak_in_flight}, '>', 200, 'many were in flight at once');
}

ok($mock->stop, 'it ends cleanly on SIGTERM');
done_testing();
