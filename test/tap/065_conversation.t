# Conversations: what was said before is sent again, to its owner only, within the agent's token budget; and
# a follow-up that says too little is searched for with the words of the question before it.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);
my $mine = '11111111-1111-4111-8111-111111111111';

sub as { return $node->connstr('postgres') . ' user=' . $_[0]; }
sub sql { return $node->safe_psql('postgres', $_[0], connstr => as($_[1] // 'postgres')); }
sub quoted { return CapeAI::Cluster::quote($_[0]); }

sub ask
{
	my ($query, %arguments) = @_;
	my $sql = 'SELECT task_id FROM capeai_answer(' . quoted($query);
	$sql .= ", $_ => " . quoted($arguments{$_}) for sort keys %arguments;
	return sql("$sql)");
}

# Role and content of the messages of the request with that tag; without one, of the last.
sub messages
{
	my $request = ($mock->requests($_[0], 1))[-1];
	return @{ decode_json($request->{body})->{messages} };
}

# Input and output of a step of a task.
sub step
{
	my ($task, $name) = @_;
	my $row = sql("SELECT jsonb_build_array(input_data, output_data) FROM capeai.runs
		WHERE task_id = '$task' AND step_name = '$name'");
	return @{ decode_json($row) };
}

sql(q{SELECT capeai_add_document('Worker', E'# The worker\n\nThe command turnkey begins the worker of a database. '
	|| 'The worker is stopped by the command haltkey.', url => '/server')});
sql(q{SELECT capeai_add_document('Colours', E'# Colours\n\nThemes change the colours. To stop a theme, choose another.', url => '/colours')});
sql('CREATE ROLE anne LOGIN IN ROLE capeai_user; CREATE ROLE bert LOGIN IN ROLE capeai_user');

# --- a follow-up
ask('Which command begins the worker? [[tag:first]]', conversation => $mine);
is(scalar(grep { $_->{role} ne 'system' } messages('first')), 1, 'the first question stands alone');
my $second = ask('And how do I stop it?', conversation => $mine);
my @said = grep { $_->{role} ne 'system' } messages();
is(join(' ', map { $_->{role} } @said), 'user assistant user', 'the second comes with the turn before it');
like($said[0]{content}, qr/^Which command begins the worker\?/, 'the question');
like($said[1]{content}, qr/turnkey/, 'and its answer');
like($said[2]{content}, qr/Question: And how do I stop it\?/, 'then the new question');
like($said[2]{content}, qr/haltkey/, 'with the passage that the follow-up alone would not have led to');
my ($analysed_from, $analysed) = step($second, 'analyze_context');
my ($searched) = step($second, 'retrieve_knowledge');
is($searched->{query}, $analysed->{search_query}, 'the recorded search is the one that was made');
like($searched->{query}, qr/worker/, 'with words of the question before');
is(ask('Nothing kept? [[tag:alone]]') ne '', 1, 'an ask of no conversation');
is(scalar(grep { $_->{role} ne 'system' } messages('alone')), 1, 'hears nothing of it');

# --- the caller's search and the worker's analysis agree, also in an old snapshot
my $other = '22222222-2222-4222-8222-222222222222';
my $repeatable = sql(<<"SQL");
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT 1 FROM capeai_answer('Which command begins the worker?', conversation => '$other');
SELECT task_id FROM capeai_answer('And stop it?', conversation => '$other');
COMMIT;
SQL
my $last = (split /\n/, $repeatable)[-1];
($analysed_from, $analysed) = step($last, 'analyze_context');
($searched) = step($last, 'retrieve_knowledge');
like($analysed->{search_query}, qr/worker/, 'a repeatable-read transaction hears what it asked before');
my ($generated) = step($last, 'generate_response');
like($generated->{messages}[-1]{content}, qr/haltkey/, 'and the search of the backend had the same words');

# --- a queued task goes on with the conversation, with the same search
my $queued = $node->submit('cape-ai-guide',
	{ query => 'And how do I stop it when it runs?', conversation => $mine });
is($node->wait_task($queued), 'succeeded', 'a queued task of the conversation');
my ($queued_from, $queued_analysed) = step($queued, 'analyze_context');
like($queued_analysed->{search_query}, qr/worker/, 'looks back beyond the follow-up before it');
is((step($queued, 'retrieve_knowledge'))[0]{query}, $queued_analysed->{search_query}, 'and is searched for with that');
is(scalar(grep { $_->{role} eq 'assistant' } messages()), 2, 'and sends both turns');

# --- strangers
for my $case (
	[ "SELECT capeai_ask('And?', conversation => '$mine')", 'to ask' ],
	[ "SELECT * FROM capeai_stream('And?', conversation => '$mine')", 'to stream' ],
	[ qq{SELECT capeai_submit_task('cape-ai-guide', '{"query": "And?", "conversation": "$mine"}')}, 'to submit' ])
{
	$node->fails_with('42501', $case->[0], "a stranger is refused $case->[1]", connstr => as('bert'));
}
is(sql("SELECT count(*) FROM capeai.conversations WHERE id = '$mine'", 'bert'), 0, 'nor does he see it');
sql("SELECT capeai_ask('One', conversation => '33333333-3333-4333-8333-333333333333', user_id => 'u1')", 'anne');
$node->fails_with('42501', "SELECT capeai_ask('Two', conversation => '33333333-3333-4333-8333-333333333333', user_id => 'u2')",
	'another user_id of the same role is a stranger, too', connstr => as('anne'));

# --- the budget drops the oldest first and says so
my $long = '44444444-4444-4444-8444-444444444444';
my $words = join(' ', map { "word$_" } 1 .. 300);
for my $n (1 .. 4)
{
	$mock->default("text=Reply number $n. $words");
	ask("Turn number $n of the talk about themes?", conversation => $long);
}
$mock->default('');
sql(q{SELECT capeai_create_agent(v.manifest || '{"slug": "short-guide", "visibility": "private", "prompt_token_budget": 1500}')
	FROM capeai.agent_versions v JOIN capeai.agents a ON a.id = v.agent_id WHERE a.slug = 'cape-ai-guide'});
my $cut = ask('What else changes colours? [[tag:cut]]', conversation => $long, agent => 'short-guide');
($generated) = step($cut, 'generate_response');
cmp_ok($generated->{dropped_turns}, '>', 0, 'turns beyond the budget are dropped, and the step says how many');
my @kept = map { $_->{content} =~ /^Turn number (\d)/ ? $1 : () } grep { $_->{role} eq 'user' } messages('cut');
is(join(' ', @kept), join(' ', $generated->{dropped_turns} + 1 .. 4), 'the oldest first');
cmp_ok(scalar(@kept), '>', 0, 'and no more than needed');

# --- where the time of an ask went: search runs in the caller's backend, while the worker begins
is(sql("SELECT bool_and(completed_at >= started_at) FROM capeai.runs WHERE task_id = '$second'"), 't', 'no step ends before it begins');
is(sql("SELECT bool_and(r.completed_at <= n.started_at) FROM capeai.runs r JOIN capeai.runs n
	ON n.task_id = r.task_id AND n.step_number = r.step_number + 1 WHERE r.task_id = '$second'"), 't', 'the steps follow each other');
is(sql("SELECT r.started_at >= t.created_at AND r.completed_at > r.started_at FROM capeai.runs r JOIN capeai.tasks t ON t.id = r.task_id
	WHERE t.id = '$second' AND r.step_name = 'retrieve_knowledge'"), 't', 'retrieve_knowledge took its time, after the question was asked');

$node->finish;
done_testing();
