# capeai.require_user_id: an application with one role keeps its users apart by capeai.user_id, in every table and
# function; the application itself cannot turn that off.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub app { return $node->connstr('postgres') . ' user=app'; }
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub user { my ($user, $sql) = @_; return $node->safe_psql('postgres', "SET capeai.user_id = '$user'; $sql", connstr => app()); }
sub refused
{
	my ($user, $sql, $name) = @_;
	return $node->fails_with('42501', ($user ? "SET capeai.user_id = '$user'; " : '') . $sql, $name // $sql, connstr => app());
}

sql('CREATE ROLE app LOGIN; GRANT capeai_user TO app; ALTER ROLE app SET capeai.require_user_id = on');
my $conversation = '0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000';
my $submit = q{SELECT capeai_submit_task('chat', '{"query": "of anne"}'};
my $task = user('anne', "$submit, idempotency_key => 'key')");
my $hanging = user('anne', q{SELECT capeai_submit_task('chat', '{"query": "[[mock: hang]]"}')});
my $blocked = user('anne', "$submit, depends_on => '{$hanging}')");
user('anne', "SELECT capeai_ask('x', agent => 'chat', conversation => '$conversation')");
is(user('anne', "SELECT status FROM capeai_wait('$task')"), 'succeeded', 'anne has tasks');
$node->wait_status($hanging, 'running');

# --- without a user nothing runs and nothing is seen
refused('', $_)
  for "$submit)", q{SELECT count(*) FROM capeai_submit_tasks('chat', '{"{\"query\": \"x\"}"}')}, q{SELECT capeai_ask('x')}, q{SELECT capeai_answer('x')},
  q{SELECT capeai_stream('x')}, q{SELECT count(*) FROM capeai_ask_many('{x}')}, q{SELECT capeai_chat('[{"role": "user", "content": "x"}]')},
  q{SELECT count(*) FROM capeai_embed('{x}')}, "SELECT capeai_wait('$task')", "SELECT capeai_cancel_task('$hanging')", "SELECT capeai_retry_task('$task')",
  'SELECT capeai_user_channel()';
my %seen = (tasks => 4, runs => undef, audit_events => undef, conversations => 1, task_dependencies => 1, active_tasks => 1, stat_tasks => undef);
for my $relation (sort keys %seen)
{
	my $anne = user('anne', "SELECT count(*) FROM capeai.$relation");
	$seen{$relation} ? is($anne, $seen{$relation}, "anne sees what is hers in capeai.$relation") : cmp_ok($anne, '>', 0, "anne sees what is hers in capeai.$relation");
	is(user($_, "SELECT count(*) FROM capeai.$relation"), 0, "user '$_' sees none of it") for 'bert', '';
}

# --- another user of the same role
refused('bert', $_)
  for "SELECT capeai_wait('$task')", "SELECT capeai_cancel_task('$hanging')", "SELECT capeai_retry_task('$task')", "$submit, depends_on => '{$task}')",
  "$submit, user_id => 'anne')", q{SELECT capeai_ask('x', agent => 'chat', user_id => 'anne')}, 'SELECT capeai_user_channel()',
  "SELECT capeai_ask('x', agent => 'chat', conversation => '$conversation')",
  qq{SELECT capeai_submit_task('cape-ai-guide', '{"query": "x", "conversation": "$conversation"}')};
$node->fails_with('23505', "SET capeai.user_id = 'bert'; $submit, idempotency_key => 'key')", "a key of anne's", connstr => app());
is(user('anne', "$submit, idempotency_key => 'key')"), $task, 'which for her is known');
is(user('anne', "SELECT (capeai_answer('x', agent => 'chat')).response IS NOT NULL; SELECT (capeai_last_answer()).task_id IS NOT NULL;
	SET capeai.user_id = 'bert'; SELECT capeai_last_answer() IS NULL; SET capeai.user_id = 'anne'; SELECT capeai_last_answer() IS NULL"), "t\nt\nt\nf",
	'the last answer of a session is that of its user');
is(sql("GRANT capeai_user TO postgres; CREATE ROLE other; GRANT capeai_user TO other;
	SELECT capeai_ask('x', agent => 'chat') IS NOT NULL; SET ROLE other; SELECT capeai_last_answer() IS NULL"), "t\nt", 'and of its role');
is(user('bert', "SELECT capeai_ask('x', agent => 'chat', user_id => 'bert') IS NOT NULL"), 't', 'naming oneself is allowed');
is(user('anne', "SELECT capeai_cancel_task('$hanging')"), 't', 'anne ends her own');

# --- it is not for the application to turn off
refused('', $_) for 'SET capeai.require_user_id = off', q{SELECT set_config('capeai.require_user_id', 'off', false)},
  'ALTER ROLE app SET capeai.require_user_id = off', 'ALTER ROLE app IN DATABASE postgres SET capeai.require_user_id = off', 'ALTER ROLE app RESET capeai.require_user_id', 'RESET capeai.require_user_id';
is($node->safe_psql('postgres', "ALTER ROLE app RESET ALL; RESET ALL; DISCARD ALL; SHOW capeai.require_user_id", connstr => app()), 'on',
	'RESET and DISCARD leave it');
is($node->safe_psql('postgres', 'SHOW capeai.require_user_id', connstr => app()), 'on', 'also for the next session');
{
	local $ENV{PGOPTIONS} = '-c capeai.require_user_id=off';
	my ($status, $out, $err) = $node->psql('postgres', 'SELECT count(*) FROM capeai.tasks', connstr => app());
	like($err, qr/permission denied to set parameter "capeai.require_user_id"/, 'nor by the options of a connection');
}

$node->finish;
done_testing();
