# What an agent masks is not stored, not sent, and not returned.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub agent { my ($slug, $redaction, $more) = @_;
	return sql(qq{SELECT capeai_create_agent('{"slug": "$slug", "name": "x", "version": "1.0.0", "steps": ["generate_response"],
		"input_schema": {"type": "object", "properties": {"query": {"type": "string"}, "context": {"type": "object"}, "conversation": {"type": ["string", "null"]}}, "required": ["query"]}, "redaction": $redaction}')}); }
my $secret = qr/anna\@example\.org|4111 ?1111|sk-abcdefghijkl|C-4711/;
my $text = 'I am anna@example.org, card 4111 1111 1111 1111, key sk-abcdefghijkl, customer C-4711';
# Every row of every table of capeai, as text.
sub everything
{
	my $tables = sql(q{SELECT string_agg(format('SELECT %L, x::text FROM %s x', oid::regclass, oid::regclass), ' UNION ALL ') FROM pg_class WHERE relnamespace = 'capeai'::regnamespace AND relkind = 'r'});
	return sql($tables);
}

agent('hides', q{{"input": ["email", "card", "key", {"name": "customer", "pattern": "C-[0-9]+"}]}});
my $conversation = 'a0000000-0000-4000-8096-000000000001';    # whatever its digits look like
like(sql("SELECT capeai_ask('[[mock: echo]] [[tag:ask]] $text', agent => 'hides', context => '{\"mail\": \"anna\@example.org\"}', conversation => '$conversation')"),
	qr/\[email\].*\[card\].*\[key\].*\[customer\]/, 'an ask is answered to what it is with masks');
my $task = $node->submit('hides', { query => "[[tag:task]] $text" }, title => "for $text", description => $text, idempotency_key => 'k');
is($node->submit('hides', { query => "[[tag:task]] $text" }, title => "for $text", description => $text, idempotency_key => 'k'), $task, 'the same with the same key is the same task');
is($node->wait_task($task), 'succeeded', 'a task runs');
sql("SELECT capeai_submit_tasks('hides', ARRAY['{\"query\": \"[[tag:many]] $text\"}', '{\"query\": \"[[tag:many]] other\"}']::jsonb[])");
ok($node->wait_idle, 'many at once');
for my $tag (qw(ask task many))
{
	my ($first) = grep { $_->{body} !~ /other/ } $mock->requests($tag, 1);
	unlike($first->{body}, $secret, "$tag: nothing of it was sent");
	like($first->{body}, qr/\[email\]/, 'but the masks');
}
unlike(everything(), $secret, 'nothing of it is stored');
is($node->task($task, "(title LIKE '%[email]%')::text || (description LIKE '%[card]%')"), 'truetrue', 'title and description are masked, too');

agent('tells-less', q{{"output": ["email", "card", "key", {"name": "customer", "pattern": "C-[0-9]+"}]}});
$mock->reset;
my $answer = sql("SELECT response FROM capeai_answer('[[mock: text=Ask%20anna%40example.org%20or%20C-4711]] x', agent => 'tells-less')");
is($answer, 'Ask [email] or [customer]', 'an answer is masked');
is(sql(q{SELECT count(*) FROM capeai.runs WHERE output_data ->> 'raw_text' = 'Ask [email] or [customer]'}), 1, 'in its steps as well');
unlike(sql(q{SELECT string_agg(concat(output_data, error_message), ' ') FROM capeai.tasks}) . sql(q{SELECT string_agg(output_data::text, ' ') FROM capeai.runs}), $secret, 'nothing of it is stored');
$node->fails_with('0A000', q{SELECT capeai_stream('x', agent => 'tells-less')}, 'it cannot be streamed');
$node->fails_with('0A000', q{SELECT capeai_submit_task('tells-less', '{"query": "x"}', stream => true)}, 'nor by notifications');
isnt(sql(q{SELECT capeai_stream('x', agent => 'hides')}), '', 'what masks only its input can');

$node->finish;
done_testing();
