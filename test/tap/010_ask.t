# Asking now: capeai_ask, capeai_answer, capeai_last_answer, capeai_chat, and what
# they leave in the tables; errors of the caller and of the provider.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.request_timeout = '5s'\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Model text within a query: the mock's script as the last part of the question.
sub scripted { return "'How do I restart the server? [[tag:$_[0]]] [[mock: $_[1]]]'"; }

sql(q{SELECT capeai_add_document('Restarting', E'# Restarting\n\nRestart the server with pg_ctl restart. It takes a second.',
	url => 'https://example.org/restart')});

# --- an answer
my $answer = sql("SELECT capeai_ask('How do I restart the server? [[tag:ask]]')");
like($answer, qr/Restart the server with pg_ctl restart/, 'the Guide answers from the knowledge base');
is(sql('SELECT response FROM capeai_last_answer()'), '', 'another session has no last answer');
is(sql("SELECT count(*) FROM capeai.tasks WHERE kind = 'ask' AND status = 'succeeded'"), 1, 'the ask is a task');

my $fields = sql(<<'SQL');
SELECT response <> '', cardinality(suggestions) > 0, jsonb_array_length(citations) > 0, confidence_score BETWEEN 0 AND 1,
       grounded, finish_reason, processing_time_ms >= 0, task_id IS NOT NULL, model, (usage ->> 'prompt_tokens')::int > 0
FROM capeai_answer('How do I restart the server?');
SQL
is($fields, 't|t|t|t|t|stop|t|t|mock|t', 'all fields of capeai.answer');
is(sql("SELECT url FROM capeai_answer('How do I restart the server?'), jsonb_to_recordset(resources) AS r(url text) LIMIT 1"),
	'https://example.org/restart', 'the resource is the document');
is(sql("SELECT capeai_ask('How do I restart it?') IS NOT NULL; SELECT (capeai_last_answer()).finish_reason"), "t\nstop",
	'capeai_last_answer in the same session');

my ($request) = $mock->requests('ask', 1);
my $body = decode_json($request->{body});
is($body->{response_format}{type}, 'json_schema', 'structured output is asked for');
ok($request->{authorized}, 'with the key');
like($body->{messages}[-1]{content}, qr/pg_ctl restart/, 'the passages are in the prompt');

# --- what is recorded
my $task = sql("SELECT task_id FROM capeai_answer('How do I restart the server?')");
is(sql("SELECT string_agg(step_name || ':' || status, ' ' ORDER BY step_number) FROM capeai.runs WHERE task_id = '$task'"),
	'analyze_context:succeeded retrieve_knowledge:succeeded generate_response:succeeded match_resources:succeeded format_response:succeeded',
	'five steps');
is($node->task($task, "attempt || ' ' || (prompt_tokens > 0) || ' ' || (completion_tokens > 0) || ' ' || (usage ->> 'source')"),
	'1 true true reported', 'tokens are recorded');
is(sql("SELECT count(*) > 0 FROM capeai.audit_events WHERE task_id = '$task' AND event_type ~ 'succeeded'"), 't',
	'the end is audited');

# --- agent chat, raw chat, a read-only transaction
like(sql("SELECT capeai_ask('Say hello', agent => 'chat')"), qr/Say hello/, 'agent chat');
like(sql(q{SELECT capeai_chat('[{"role":"user","content":"raw"}]')}), qr/You asked: raw/, 'capeai_chat');
like(sql("BEGIN TRANSACTION READ ONLY ISOLATION LEVEL REPEATABLE READ; SELECT capeai_ask('Read only?', agent => 'chat'); COMMIT"),
	qr/Read only\?/, 'in a read-only transaction');
is(sql(qq{SELECT capeai_ask('Say \x{2603}', agent => 'chat') LIKE '%Say%'}), 't', 'text outside ASCII');

# --- the ladder of structured output
for my $rung ([ 'json_schema', 'json_object' ], [ 'response_format', undef ])
{
	my ($rejected, $last) = @$rung;
	$mock->reset;
	like(sql('SELECT capeai_ask(' . scripted("ladder-$rejected", "reject=$rejected") . ", model => 'other-$rejected')"),
		qr/pg_ctl restart/, "a server that refuses $rejected still answers");
	my @requests = $mock->requests("ladder-$rejected", 1);
	cmp_ok(scalar(@requests), '>=', 2, 'after another try');
	my $format = decode_json($requests[-1]{body})->{response_format};
	is($format ? $format->{type} : undef, $last, 'with less');
}
like(sql('SELECT capeai_ask(' . scripted('repair', 'bad_json,times=1') . ')'), qr/pg_ctl restart/, 'an answer that breaks the schema is repaired');
like(sql('SELECT capeai_ask(' . scripted('fence', 'wrap') . ')'), qr/pg_ctl restart/, 'an answer in a Markdown fence is understood');

# --- the provider's errors, each with a model of its own: the circuit breaker counts by model
for my $case ([ 'status=401', 'CA401' ], [ 'status=403', 'CA403' ], [ 'status=404', 'CA404' ], [ 'body=quota', 'CA429' ],
	[ 'status=400,body=detail', 'CA400' ], [ 'status=503,body=html,times=1', '00000' ], [ 'status=500,times=2', '00000' ],
	[ 'status=429,retry_after_ms=50,times=1', '00000' ], [ 'reset=0', '08006' ], [ 'truncate=10', '08006' ])
{
	my ($script, $sqlstate) = @$case;
	my $tag = $script =~ s/\W/-/gr;
	$node->fails_with($sqlstate, 'SELECT capeai_ask(' . scripted($tag, $script) . ", model => '$tag', timeout => '20 s')", $script);
}
is(scalar($mock->requests('status-401')), 1, 'a 401 is not tried again');
is(scalar($mock->requests('body-quota')), 1, 'nor a quota that is used up');
is(scalar($mock->requests('status-500-times-2')), 3, 'a 500 is');
my %keys = map { $_->{idempotency_key} => 1 } $mock->requests('status-500-times-2');
is(scalar(keys %keys), 1, 'always with the same Idempotency-Key');
$node->fails_with('57014', 'SELECT capeai_ask(' . scripted('slow', 'hang') . ", timeout => '500 ms')", 'timeout of an ask');
$node->fails_with('57014', "SET statement_timeout = '300ms'; SELECT capeai_ask(" . scripted('cancel', 'hang') . ')', 'statement_timeout');
ok($node->wait_until(sub { $mock->report(0)->{in_flight} == 0 }), 'both requests were dropped');

# --- bad arguments: one error each, nothing written
my $before = sql('SELECT count(*) FROM capeai.tasks');
my $long = 'x' x 1001;
for my $case (
	[ "''", '22023', 'empty query' ], [ "'$long'", '22023', 'query of 1001 characters' ], [ 'NULL', '22023', 'query that is null' ],
	[ "'q', user_level => 'guru'", '22023', 'unknown user_level' ], [ "'q', preferred_format => 'song'", '22023', 'unknown format' ],
	[ "'q', context => '[]'", '22023', 'context that is no object' ], [ "'q', agent => 'nobody'", '42704', 'unknown agent' ],
	[ "'q', timeout => '-1 s'", '22023', 'negative timeout' ])
{
	my ($arguments, $sqlstate, $name) = @$case;
	$node->fails_with($sqlstate, "SELECT capeai_ask($arguments)", $name);
}
is(sql('SELECT count(*) FROM capeai.tasks'), $before, 'nothing was written');

unlike(slurp_file($node->logfile), qr/sk-test/, 'the key is not in the log');
$node->finish;
done_testing();
