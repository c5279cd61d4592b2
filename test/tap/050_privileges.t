# Who may do what: nobody, capeai_user, capeai_admin, capeai_auditor; and whose rows are seen.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub as { my ($role, $sql) = @_; return sql("SET ROLE $role; $sql"); }
sub denied { my ($role, $sql, $name) = @_; return $node->fails_with('42501', "SET ROLE $role; $sql", $name); }

sql(q{CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE nobody; CREATE ROLE boss; CREATE ROLE reader;
	GRANT capeai_user TO alice, bob; GRANT capeai_admin TO boss; GRANT capeai_auditor TO reader});

# --- a role without rights
for my $call (
	q{capeai_ask('x')}, q{capeai_answer('x')}, q{capeai_last_answer()}, q{capeai_chat('[]')},
	q{capeai_submit_task('chat', '{"query":"x"}')}, q{capeai_submit_tasks('chat', '{}'::jsonb[])},
	q{capeai_wait(gen_random_uuid())}, q{capeai_cancel_task(gen_random_uuid())}, q{capeai_retry_task(gen_random_uuid())},
	q{capeai_search('x')}, q{capeai_add_document('x', 'y')}, q{capeai_create_agent('{}')}, q{capeai_health()})
{
	my ($name) = $call =~ /(\w+)/;
	denied('nobody', "SELECT $call", "$name by a role without rights");
}
denied('nobody', "SELECT * FROM capeai.$_", "reading capeai.$_ by a role without rights")
  for qw(tasks runs audit_events agents agent_versions installation stat_tasks stat_worker active_tasks);
is(sql("SELECT count(*) FROM pg_proc p, pg_depend d, pg_extension e WHERE e.extname = 'capeai' AND d.refobjid = e.oid
	AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND has_function_privilege('nobody', p.oid, 'EXECUTE')"),
	0, 'PUBLIC may execute none of the functions');

# --- a user: asks, and sees only what is theirs
my $task = as('alice', q{SELECT capeai_submit_task('chat', '{"query":"secret of alice"}')});
is($node->wait_task($task), 'succeeded', "a user's task runs");
like(as('alice', q{SELECT capeai_ask('Hello', agent => 'chat')}), qr/Hello/, 'a user may ask');
is(as('alice', "SELECT count(*) FROM capeai.tasks WHERE owner <> 'alice'::regrole"), 0, 'sees no task of others');
is(as('alice', "SELECT count(*) FROM capeai.tasks WHERE id = '$task'"), 1, 'sees their own');
is(as('bob', 'SELECT count(*) FROM capeai.tasks'), 0, 'another user does not see it');
is(as('bob', 'SELECT count(*) FROM capeai.runs'), 0, 'nor its steps');
is(as('bob', 'SELECT count(*) FROM capeai.audit_events'), 0, 'nor its trail');
for my $name (qw(capeai_cancel_task capeai_retry_task capeai_wait))
{
	my ($sqlstate) = $node->error_of("SET ROLE bob; SELECT $name('$task')");
	like($sqlstate, qr/^(42501|42704)$/, "$name of a stranger's task is refused");
}
denied('bob', qq{SELECT capeai_submit_task('chat', '{"query":"x"}', depends_on => '{$task}')}, "depending on a stranger's task");
denied('alice', $_, $_)
  for "UPDATE capeai.tasks SET status = 'queued'", 'DELETE FROM capeai.tasks', 'DELETE FROM capeai.audit_events',
  "INSERT INTO capeai.audit_events (event_type) VALUES ('x')", 'SELECT * FROM capeai.installation', 'DELETE FROM capeai.runs',
  "INSERT INTO capeai.task_signals (task_id, signal, role) VALUES ('$task', 'cancel', 'alice')";

# --- conversations belong to who began them
my $conversation = '0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000';
as('alice', "SELECT capeai_ask('Hello', agent => 'chat', conversation => '$conversation')");
denied('bob', "SELECT capeai_ask('Hello', agent => 'chat', conversation => '$conversation')", "a stranger's conversation");

# --- an administrator sees and ends everybody's tasks; an auditor reads the trail
is(as('boss', "SELECT count(*) FROM capeai.tasks WHERE id = '$task'"), 1, "an administrator sees a user's task");
my $hanging = as('alice', q{SELECT capeai_submit_task('chat', '{"query":"[[mock: hang]]"}')});
is(as('boss', "SELECT capeai_cancel_task('$hanging')"), 't', 'and may cancel it');
is($node->wait_task($hanging), 'cancelled', 'which ends it');
is(as('reader', "SELECT count(*) > 0 FROM capeai.audit_events WHERE task_id = '$task'"), 't', 'an auditor reads the trail');
denied('reader', q{SELECT capeai_ask('x')}, 'an auditor asking');

# --- a right that is revoked after the submit no longer counts when the task runs
$task = as('alice', q{SELECT capeai_submit_task('chat', '{"query":"later"}', run_at => now() + interval '1 hour')});
sql('DROP OWNED BY bob; DROP ROLE bob');
pass('a role without tasks can be dropped');

# --- the key is not to be seen, by nobody
is(sql('SHOW capeai.api_key'), '(set)', 'a superuser sees that a key is set');
denied('alice', 'SHOW capeai.api_key', 'SHOW capeai.api_key by a user');
denied('alice', 'SET capeai.require_user_id = off', 'a user setting what is a superuser\'s');
$node->fails_with('55P02', "SET ROLE alice; SET capeai.base_url = 'http://127.0.0.1:1/'", 'anybody setting base_url in a session');
unlike(sql("SELECT string_agg(s::text, ' ') FROM pg_settings s WHERE name LIKE 'capeai.%'"), qr/sk-test/, 'pg_settings does not show the key');

$node->finish;
done_testing();
