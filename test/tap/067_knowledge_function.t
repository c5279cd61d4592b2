# Agents that search by a function of their owner's: whose rights it runs with, what it may not do, and that
# one that fails spoils nothing but its own task.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

# As which role to connect; extra_params are the test library's own.
sub as { return $node->connstr('postgres') . ' user=' . $_[0]; }
sub sql { my ($sql, $role) = @_; return $node->safe_psql('postgres', $sql, connstr => as($role // 'postgres')); }

sub submit_as
{
	my ($role, $agent, $query) = @_;
	return sql(qq{SELECT capeai_submit_task('$agent', '{"query": "$query"}')}, $role);
}

# An agent of $role's that finds its passages with app.$function.
sub agent
{
	my ($role, $function, $slug, $more) = @_;
	my $manifest = {
		slug => $slug, name => $slug, version => '1.0.0', description => 'answers from a function', visibility => 'private',
		steps => [ 'analyze_context', 'retrieve_knowledge', 'generate_response', 'match_resources', 'format_response' ],
		knowledge => { function => $function, passages => 2 }, prompts => { system => 'Answer.', user => '{{passages}} Question: {{query}}' },
		input_schema => { type => 'object', properties => { query => { type => 'string' }, context => { type => 'object' } },
			required => ['query'], additionalProperties => JSON::PP::false },
		%{ $more // {} } };
	sql('SELECT capeai_create_agent(' . CapeAI::Cluster::quote(encode_json($manifest)) . ')', $role);
	return $slug;
}

sql(<<'SQL');
CREATE ROLE anne LOGIN IN ROLE capeai_user;
CREATE ROLE bert LOGIN IN ROLE capeai_user;
CREATE SCHEMA app AUTHORIZATION anne;
GRANT USAGE ON SCHEMA app TO bert;
CREATE TYPE app.hit AS (document_id bigint, passage_id bigint, title text, heading text, snippet text, url text, type text, score real);
CREATE TABLE app.notes (owner name DEFAULT current_user, body text);
ALTER TABLE app.notes OWNER TO anne;
CREATE POLICY own ON app.notes USING (owner = current_user);
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON app.notes TO bert;
INSERT INTO app.notes VALUES ('anne', 'The violet key opens the door of Anne.'), ('bert', 'The amber key opens the door of Bert.');
SQL
sql(<<'SQL', 'anne');
CREATE FUNCTION app.find(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE sql AS $$
  SELECT 6 + n, 70 + n, 'Notes of ' || current_user, 'Asked: ' || query || ' on ' || coalesce(context ->> 'current_page', 'no page'), body,
         'https://notes.example/' || n, 'note', 0.9::real / n
  FROM app.notes, generate_series(1, 5) AS n WHERE owner = current_user
$$;
CREATE FUNCTION app.role(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN SET ROLE postgres; RETURN QUERY SELECT 1::bigint, 1::bigint, 't', '', 's', '', 'doc', 1::real; END $$;
CREATE FUNCTION app.reset(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN RESET SESSION AUTHORIZATION; RETURN QUERY SELECT 1::bigint, 1::bigint, 't', '', 's', '', 'doc', 1::real; END $$;
CREATE FUNCTION app.temp(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN CREATE TEMP TABLE t (a int); RETURN QUERY SELECT 1::bigint, 1::bigint, 't', '', 's', '', 'doc', 1::real; END $$;
CREATE FUNCTION app.setting(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('search_path', 'app', false);
RETURN QUERY SELECT 1::bigint, 1::bigint, 'Setting', '', 'The setting key is kept.', '', 'doc', 1::real; END $$;
CREATE FUNCTION app.slow(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_lock_shared(4711); RETURN QUERY SELECT 1::bigint, 1::bigint, 't', '', 's', '', 'doc', 1::real; END $$;
CREATE FUNCTION app.fails(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no index today' USING ERRCODE = 'P0042'; END $$;
CREATE FUNCTION app.thin(query text, context jsonb) RETURNS TABLE (title text) LANGUAGE sql AS $$ SELECT 'thin' $$;
CREATE FUNCTION app.none(query text, context jsonb) RETURNS SETOF app.hit LANGUAGE sql AS $$ SELECT NULL::app.hit WHERE false $$;
SQL
agent('anne', 'app.find', 'finder');
agent('bert', 'app.find', 'finder-of-bert');

# --- an ask and a queued task, as their owner
my $answer = sql("SELECT response || '|' || (citations -> 0 ->> 'title') || '|' || jsonb_array_length(resources)
	FROM capeai_answer('Which key opens the door? [[tag:ask]]', agent => 'finder', context => '{\"current_page\": \"/keys\"}')", 'anne');
like($answer, qr/violet key.*\|Notes of anne\|2$/, 'an ask is answered from what the function returns, as many passages as the agent takes');
my ($request) = $mock->requests('ask', 1);
my $prompt = decode_json($request->{body})->{messages}[-1]{content};
like($prompt, qr/section: Asked: Which key opens the door\?.* on \/keys\n/, 'it was given the question and the context');
like($prompt, qr/title: Notes of anne\nsection: [^\n]*\nurl: https:\/\/notes\.example\/1\n/, 'its row is that of capeai_search');
my $task = submit_as('anne', 'finder', 'Which key opens the door?');
is($node->wait_task($task), 'succeeded', 'a queued task');
like($node->task($task, "output_data ->> 'response'"), qr/violet key/, 'finds the same');
is(sql("SELECT input_data ->> 'function' FROM capeai.runs WHERE task_id = '$task' AND step_name = 'retrieve_knowledge'"),
	'app.find', 'its step says which function');
like(sql("SELECT capeai_ask('Which key opens the door?', agent => 'finder-of-bert')", 'bert'), qr/amber key/,
	'row security sees the owner of the ask');
$task = submit_as('bert', 'finder-of-bert', 'Which key opens the door?');
is($node->wait_task($task) . ' ' . $node->task($task, "output_data ->> 'response' ~ 'amber key'"), 'succeeded t', 'and of the queued task');

# --- EXECUTE is checked when it runs
sql('REVOKE EXECUTE ON FUNCTION app.find(text, jsonb) FROM PUBLIC', 'anne');
$node->fails_with('42501', "SELECT capeai_ask('Which key?', agent => 'finder-of-bert')", 'an ask after EXECUTE is revoked',
	connstr => as('bert'));
$task = submit_as('bert', 'finder-of-bert', 'Which key?');
is($node->wait_task($task), 'failed', 'a queued task after EXECUTE is revoked');
is($node->task($task, "error_code || ' ' || error_message"), 'retrieval_failed permission denied for function find', 'says why');
is($node->task($task, 'attempt'), '1', 'and is not tried again');
like(sql("SELECT capeai_ask('Which key opens the door?', agent => 'finder')", 'anne'), qr/violet/, 'its owner still may');

# --- never for a superuser
agent('postgres', 'app.find', 'finder-of-root');
$node->fails_with('42501', "SELECT capeai_ask('Which key?', agent => 'finder-of-root')", "a superuser's ask");
$task = submit_as('postgres', 'finder-of-root', 'Which key?');
is($node->wait_task($task) . ' ' . $node->task($task, 'error_message'), 'failed knowledge functions do not run for superusers',
	"a superuser's task");

# --- what is restricted, and what is wrong with the function itself
my %bad = (
	role => [ '42501', 'cannot set parameter "role" within security-definer function' ],
	reset => [ '42501', 'cannot set parameter "session_authorization" within security-definer function' ],
	temp => [ '42501', 'cannot create temporary table within security-restricted operation' ],
	fails => [ 'P0042', 'no index today' ],
	thin => [ '42703', 'column f.document_id does not exist' ],
	missing => [ '42883', 'function app.missing(text, jsonb) does not exist' ]);
for my $name (sort keys %bad)
{
	my ($sqlstate, $message) = @{ $bad{$name} };
	agent('anne', "app.$name", "agent-$name");
	my ($got, $said) = $node->error_of("SELECT capeai_ask('Which key?', agent => 'agent-$name')", connstr => as('anne'));
	is("$got $said", "$sqlstate $message", "ask with app.$name");
	$task = submit_as('anne', "agent-$name", 'Which key?');
	is($node->wait_task($task) . ' ' . $node->task($task, 'error_message'), "failed $message", "task with app.$name");
}
# --- an ask is there while its caller searches, and what became of the search is written down
sub last_ask { return q{SELECT status, error_code, error_message, attempt, (SELECT string_agg(step_name || ' ' || r.status, ', '
	ORDER BY step_number) FROM capeai.runs AS r WHERE task_id = t.id) FROM capeai.tasks AS t WHERE kind = 'ask' ORDER BY id DESC LIMIT 1}; }
my ($error) = $node->error_of("SELECT capeai_ask('Which key?', agent => 'agent-fails')", connstr => as('anne'));
is($error, 'P0042', 'a search fails once more');
ok($node->poll_query_until('postgres', last_ask(),
		'failed|retrieval_failed|no index today|1|analyze_context succeeded, retrieve_knowledge failed'), 'which is not tried again')
	or diag(sql(last_ask()));
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(4711)');    # nothing is found as long as it lasts
agent('anne', 'app.slow', 'agent-slow');
($error) = $node->error_of("SET statement_timeout = '300ms'; SELECT capeai_ask('Which key?', agent => 'agent-slow')",
	connstr => as('anne'));
is($error, '57014', 'a search is cancelled');
ok($node->poll_query_until('postgres', last_ask(), 'cancelled|cancelled|the caller cancelled or went away|1|'), 'and its ask')
	or diag(sql(last_ask()));
is(sql(q{SELECT completed_at - started_at > '200 ms' FROM capeai.tasks WHERE kind = 'ask' ORDER BY id DESC LIMIT 1}), 't',
	'which was there all the time');
($error) = $node->error_of("SET statement_timeout = '2s'; SELECT capeai_ask('Which key?', agent => 'agent-slow', timeout => '200 ms')",
	connstr => as('anne'));
is($error, '57014', 'a search takes longer than the question may');
is(sql(last_ask()), 'failed|deadline_exceeded|the timeout passed before the search had ended or the limits of '
	. 'capeai_set_limit() left room|1|', 'and the ask has ended in time');
is(sql(q{SELECT completed_at - started_at < '1900 ms' FROM capeai.tasks WHERE kind = 'ask' ORDER BY id DESC LIMIT 1}), 't',
	'not with the statement');
$holder->quit;

agent('anne', 'app.setting', 'agent-setting');
is(sql("SHOW search_path; SELECT capeai_ask('Which key?', agent => 'agent-setting') IS NOT NULL; SHOW search_path", 'anne'),
	qq{"\$user", public\nt\n"\$user", public}, 'settings that it makes end with it');

# --- names are names: no SQL gets in
for my $name ("app.find('', '{}'); DROP TABLE app.notes; --", 'app."find', 'find', 'a.b.c', '')
{
	my ($got) = $node->error_of('SELECT capeai_create_agent(' . CapeAI::Cluster::quote(encode_json({ slug => 'odd', name => 'odd',
			version => '1.0.0', description => 'x', visibility => 'private', steps => [ 'retrieve_knowledge', 'generate_response' ],
			knowledge => { function => $name }, prompts => { system => 's', user => '{{query}}' } })) . ')', connstr => as('anne'));
	is($got, '22023', "a manifest with function \"$name\" is refused");
}
is(sql('SELECT count(*) FROM app.notes'), 2, 'nothing happened to the table');

# --- nothing found, and unsupported_policy
agent('anne', 'app.none', 'agent-none', { unsupported_policy => 'refuse' });
my $refused = sql("SELECT response || '|' || grounded || '|' || confidence_score || '|' || (usage ->> 'prompt_tokens')
	FROM capeai_answer('Which key?', agent => 'agent-none')", 'anne');
like($refused, qr/^The documentation does not answer this question.*\|false\|0\|0$/, 'refused without asking the model when nothing is found');

# --- the helper is itself again afterwards
sql(q{SELECT capeai_add_document('Doors', E'# Doors\n\nThe iron key opens every door.', url => '/doors')});
$task = submit_as('postgres', 'cape-ai-guide', 'Which key opens every door?');
is($node->wait_task($task) . ' ' . $node->task($task, "output_data ->> 'response' ~ 'iron key'"), 'succeeded t',
	'built-in search goes on, for superusers too');

$node->finish;
done_testing();
