# A task is to be cancelled, and fails while the worker waits for the very commit with which it has heard of
# that: tasks go on meanwhile. It is cancelled all the same, not tried again.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
# No look at the queue but for what has happened.
my $node = CapeAI::Cluster->start_new('main', mock => $mock, streaming => 1, conf => "capeai.fallback_interval = '1h'\n");

my @others = map { $node->submit('chat', { query => "[[tag:other]] [[mock: hang]] $_" }) } 1 .. 20;
my $task = $node->submit('chat', { query => '[[tag:late]] [[mock: truncate=20,latency=8000]]' });
ok($node->wait_until(sub { scalar(my @r = $mock->requests('late')) == 1 && scalar(my @o = $mock->requests('other')) == 20 }), 'all are at the model');

# So that the next commit is not that of a seal.
ok($node->poll_query_until('postgres', 'SELECT (SELECT max(event_id) FROM capeai.audit_seals) >= (SELECT max(id) FROM capeai.audit_events)'),
	'what they did so far is sealed');
# The worker's commits wait for a standby that does not come, ours do not.
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$node->poll_query_until('postgres', q{SELECT current_setting('synchronous_standby_names') = 'nobody'});
is($node->safe_psql('postgres', "SET synchronous_commit = local; SELECT capeai_cancel_task('$task')"), 't', 'one is to be cancelled');
ok($node->poll_query_until('postgres', q{SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE backend_type = 'capeai worker'}), 'the worker waits in its commit');
is($node->safe_psql('postgres', "SELECT count(*) FROM capeai.active_tasks WHERE task_id = '$task'"), '1', 'it still runs');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM capeai.active_tasks WHERE task_id = '$task'"), 'it fails, and goes on to its end');
is($node->safe_psql('postgres', q{SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'capeai worker'}), 'SyncRep', 'within that commit');
# Only he who lets it go on hears that nobody is waited for: a reload would have the worker look.
$node->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
kill HUP => $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
is($node->wait_task($task), 'cancelled', 'then it is cancelled');
is(scalar(my @r = $mock->requests('late')), 1, 'and was not tried again');

$node->finish;
done_testing();
