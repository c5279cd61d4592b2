# The worker's steps are written while their tasks' rows are locked, so the check of their foreign key is left out;
# but nothing else is that somebody has put on the table of steps.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => <<'CONF');
shared_preload_libraries = 'capeai, pg_stat_statements'
pg_stat_statements.track = all
CONF
my $tasks = 50;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements; CREATE TABLE seen (task_id uuid, step_name text)');

# How often PostgreSQL has checked a key that refers to $table, while tasks ran to their end with what $sql has set up.
sub checks
{
	my ($table, $sql) = @_;
	$node->safe_psql('postgres', "$sql; TRUNCATE seen; SELECT pg_stat_statements_reset()");
	my @ids = split /\n/, $node->safe_psql('postgres', qq{SELECT task_id FROM capeai_submit_tasks('chat',
		(SELECT array_agg(jsonb_build_object('query', 'Question ' || i)) FROM generate_series(1, $tasks) i))});
	is(scalar(grep { $node->wait_task($_) eq 'succeeded' } @ids), $tasks, 'tasks end');
	return $node->safe_psql('postgres', qq{SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
		WHERE query ~ 'FROM ONLY "[a-z]+"."$table".*FOR KEY SHARE'});
}

is(checks('tasks', 'SELECT 1'), 0, 'nothing is looked up for a step whose task is locked');
is($node->safe_psql('postgres', 'SELECT count(*) FROM capeai.runs'), $tasks, 'and every step is there');

is( checks('tasks', q{
	CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
	BEGIN INSERT INTO seen VALUES (new.task_id, new.step_name); RETURN NULL; END $$;
	CREATE TRIGGER see AFTER INSERT ON capeai.runs FOR EACH ROW EXECUTE FUNCTION see()}),
	$tasks, 'with a trigger on the table all is as usual');
is($node->safe_psql('postgres', 'SELECT count(*) FROM seen'), $tasks, 'and the trigger fires');

is( checks('tasks', q{
	DROP TRIGGER see ON capeai.runs;
	CREATE RULE see AS ON INSERT TO capeai.runs DO ALSO INSERT INTO public.seen VALUES (new.task_id, new.step_name)}),
	$tasks, 'with a rule all is as usual');
is($node->safe_psql('postgres', 'SELECT count(*) FROM seen'), $tasks, 'and the rule is applied');

is( checks('names', q{
	DROP RULE see ON capeai.runs;
	CREATE TABLE names (name text PRIMARY KEY);
	INSERT INTO names SELECT DISTINCT step_name FROM capeai.runs;
	ALTER TABLE capeai.runs ADD CONSTRAINT name FOREIGN KEY (step_name) REFERENCES names}),
	$tasks, 'a further foreign key is checked');

is(checks('tasks', 'ALTER TABLE capeai.runs DROP CONSTRAINT name'), 0, 'without them it is as before');

# --- the agent of tasks that are submitted together is locked once, unless somebody has put a trigger on what is written
is(checks('agents', 'SELECT 1'), 0, 'nothing is looked up for a task whose agent is locked');
for my $table ('tasks', 'audit_events')
{
	is( checks('agents', qq{
		CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS \$\$
		BEGIN INSERT INTO seen VALUES (gen_random_uuid(), '$table'); RETURN NULL; END \$\$;
		CREATE TRIGGER see AFTER INSERT ON capeai.$table FOR EACH ROW EXECUTE FUNCTION see()}),
		$tasks, "with a trigger on $table all is as usual");
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM seen WHERE step_name = '$table'"), '>=', $tasks, 'and the trigger fires');
	$node->safe_psql('postgres', "DROP TRIGGER see ON capeai.$table");
}
is($node->safe_psql('postgres', q{
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT count(*) FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '{"query": "b"}']::jsonb[]);
	COMMIT}), 2, 'under a snapshot of the whole transaction, too');
my (undef, undef, $error) = $node->psql('postgres', q{
	BEGIN; SELECT count(*) FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '{"query": "b"}']::jsonb[]);
	DELETE FROM capeai.agents WHERE slug = 'chat'; COMMIT});
like($error, qr/violates foreign key constraint/, 'and the key is as good as ever');

$node->finish;
done_testing();
