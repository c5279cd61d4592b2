# A wish to cancel that was committed is kept, whatever becomes of the worker meanwhile.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.fallback_interval = 1s\n");

# --- the worker hears of it only by its successor
my @tasks = map { $node->submit('chat', { query => "[[mock: hang]] [[tag:hang$_]]" }) } 1 .. 3;
$node->wait_status($_, 'running') for @tasks;
my $pid = $node->worker_pid;
kill 'STOP', $pid;
is($node->safe_psql('postgres', "SELECT capeai_cancel_task('$tasks[0]')"), 't', 'a task of a stopped worker is to be cancelled');
$node->expect_signal(9);
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
ok($node->wait_status($tasks[0], 'cancelled'), 'after a crash of the worker it is cancelled');
$node->wait_status($tasks[1], 'running');
is(scalar(my @asked = $mock->requests('hang1')), 1, 'and the model is not asked again');
is($node->task($tasks[1], 'attempt'), 2, 'the others run again');

# --- one that runs is cancelled once, and the wish goes with it
is($node->safe_psql('postgres', "SELECT capeai_cancel_task('$tasks[1]')"), 't', 'cancelling one that runs');
ok($node->wait_status($tasks[1], 'cancelled'), 'it is cancelled');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM capeai.task_signals'), 'no signal is left over');
is($node->safe_psql('postgres', "SELECT count(*) FROM capeai.audit_events WHERE event_type = 'cancelled' AND task_id = ANY ('{$tasks[0],$tasks[1]}')"),
	2, 'one audit row each');

$node->safe_psql('postgres', "SELECT capeai_cancel_task('$tasks[2]')");
$node->wait_idle;
$node->finish;
done_testing();
