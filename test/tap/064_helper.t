# The helper process, which searches for queued tasks: shared by databases, ended, crashed, and
# kept busy by functions of its users. Whatever they do, tasks of others go on.
use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.request_timeout = '3s'\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub as { my ($role, $sql) = @_; return sql("SET ROLE $role; $sql"); }
sub guide { my ($query) = @_; return $node->submit('cape-ai-guide', { query => $query }); }

# --- many databases at once share two helpers
my @databases = ('postgres', map { "db$_" } 1 .. 3);
for my $dbname (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $dbname") if $dbname ne 'postgres';
	$node->safe_psql($dbname, 'CREATE EXTENSION IF NOT EXISTS capeai; ' . q{SELECT capeai_add_document('Restarting', 'Restart the server with pg_ctl restart.')});
	$node->wait_for_worker($dbname);
}
my $start = time();
for my $round (1 .. 2)
{
	$node->safe_psql($_, q{SELECT count(*) FROM capeai_submit_tasks('cape-ai-guide', (SELECT array_agg(jsonb_build_object(
		'query', 'How do I restart the server? ' || i)) FROM generate_series(1, 50) i))}) for @databases;
	for my $dbname (@databases)
	{
		$node->poll_query_until($dbname, "SELECT count(*) = 0 FROM capeai.tasks WHERE status NOT IN ('succeeded', 'failed')");
		is($node->safe_psql($dbname, "SELECT count(*) FROM capeai.tasks WHERE status = 'succeeded' AND attempt = 1"), 50 * $round,
			"round $round: every task of $dbname succeeds at once");
	}
}
cmp_ok(time() - $start, '<', 30, 'soon');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'capeai helper'"), 'idle helpers leave');

# --- an agent that searches with a function of its owner's
sql(q{CREATE ROLE anne; GRANT capeai_user TO anne; CREATE SCHEMA app; GRANT ALL ON SCHEMA app TO anne});
my $row = 'TABLE (document_id bigint, passage_id bigint, title text, heading text, snippet text, url text, type text, score real)';
sub agent
{
	my ($function) = @_;
	my $manifest = { slug => $function, name => $function, version => '1.0.0', description => 'searches with a function',
		visibility => 'private', steps => [qw(analyze_context retrieve_knowledge generate_response format_response)], model => {},
		knowledge => { function => "app.$function", passages => 2 }, prompts => { system => 'Answer.', user => '{{passages}} Question: {{query}}' } };
	as('anne', 'SELECT capeai_create_agent(' . CapeAI::Cluster::quote(encode_json($manifest)) . ')');
	return;
}
sub ask_anne { my ($agent, $attempts) = @_; return as('anne', qq{SELECT capeai_submit_task('$agent', '{"query":"x"}', max_attempts => $attempts)}); }

# --- one that does not end
as('anne', "CREATE FUNCTION app.sleeper(query text, context jsonb) RETURNS $row LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); END'");  # lint: sleep is what is tested
agent('sleeper');
my $sleeping = ask_anne('sleeper', 1);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'capeai helper' AND wait_event = 'PgSleep'"),
	'a search that does not end');
my $behind = guide('How do I restart the server?');
is($node->wait_task($behind, 20), 'succeeded', 'a task behind it succeeds');
is($node->wait_task($sleeping), 'failed', 'its own fails');
is($node->task($sleeping, "error_code || ' ' || attempt"), 'retrieval_failed 1', 'because of the search');

# --- one that will not be cancelled
as('anne', "CREATE FUNCTION app.stubborn(query text, context jsonb) RETURNS $row LANGUAGE plpgsql AS \$\$
BEGIN LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END \$\$");  # lint: sleep is what is tested
agent('stubborn');
my $stubborn = ask_anne('stubborn', 1);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'capeai helper' AND wait_event = 'PgSleep'"),
	'a search that catches its being cancelled');
$behind = guide('How do I restart the stubborn server?');
is($node->wait_task($behind), 'succeeded', 'a task behind it succeeds');
is($node->wait_task($stubborn), 'failed', 'its own fails');

# --- what one leaves behind in the session the next does not find
as('anne', "CREATE FUNCTION app.litter(query text, context jsonb) RETURNS $row LANGUAGE plpgsql AS \$\$
BEGIN PERFORM pg_advisory_lock(42); END \$\$");
agent('litter');
is($node->wait_task(ask_anne('litter', 1)), 'succeeded', 'a search that leaves a lock behind');
is(sql('SELECT pg_try_advisory_lock(42)'), 't', 'the lock is gone');

# --- one that ends its process cleanly
as('anne', "CREATE FUNCTION app.leaver(query text, context jsonb) RETURNS $row LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); END'");  # lint: sleep is what is tested
agent('leaver');
my $leaving = ask_anne('leaver', 1);
$behind = guide('How do I restart the server again?');
is($node->wait_task($behind, 20), 'succeeded', 'a task behind one that ends the helper succeeds');
is($node->wait_task($leaving), 'failed', 'its own fails');
is($node->task($leaving, "error_code || ' ' || crash_count"), 'retrieval_failed 0', 'and no crash is counted');

# --- one that brings down the server: it is found out, and no other is blamed
sql(<<"SQL");
CREATE FUNCTION app.crasher(query text, context jsonb) RETURNS $row SECURITY DEFINER LANGUAGE plpgsql AS \$\$
BEGIN
  COPY (SELECT 1) TO PROGRAM 'kill -9 \$PPID';
END \$\$;
GRANT EXECUTE ON FUNCTION app.crasher TO anne;
SQL
agent('crasher');
$node->expect_signal(9, 2);
my @innocent = map { guide("Restart? $_ [[mock: latency=1500]]") } 1 .. 3;
my $crashing = ask_anne('crasher', 2);
ok($node->wait_until(sub { (eval { $node->task($crashing, 'status') } // '') eq 'failed' }, 90), 'a task that brings down the server ends');
is($node->task($crashing, "error_code || ' ' || crash_count || ' ' || attempt"), 'worker_crashed 2 2', 'as worker_crashed, after as many crashes as it has attempts');
is(sql("SELECT count(*) FROM capeai.audit_events WHERE task_id = '$crashing' AND (event_data ->> 'blamed')::boolean"), 2, 'it is blamed twice');
$node->wait_for_worker;
ok($node->wait_idle, 'the others end');
is(sql('SELECT string_agg(DISTINCT status || crash_count || failures, \' \') FROM capeai.tasks WHERE id IN (' . join(',', map { "'$_'" } @innocent) . ')'),
	'succeeded00', 'successfully, and are not blamed');

# --- the worker ended while the helper searches: nobody is blamed
$sleeping = ask_anne('sleeper', 1);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'capeai helper' AND wait_event = 'PgSleep'");
my $pid = $node->worker_pid;
sql("SELECT pg_terminate_backend($pid)");
$node->wait_until(sub { my $now = $node->worker_pid; $now ne '' && $now ne $pid; });
$node->wait_for_worker;
is($node->wait_task($sleeping), 'failed', 'a task whose worker ended in its search is run again');
is($node->task($sleeping, 'crash_count'), 0, 'and not blamed');

$node->finish;
done_testing();
