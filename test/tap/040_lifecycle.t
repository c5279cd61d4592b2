# What happens to tasks and processes when workers, databases, extensions and servers come and go.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;
use PostgreSQL::Test::Utils;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, streaming => 1);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Tasks that are in flight for $ms milliseconds from now on; their ids.
sub running_tasks
{
	my ($count, $ms) = @_;
	my @tasks = split /\n/, sql("SELECT task_id FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object(
		'query', i || ' [[mock: latency=$ms]]')) FROM generate_series(1, $count) i))");
	$node->poll_query_until('postgres', "SELECT count(*) >= $count FROM capeai.tasks WHERE status = 'running'")
	  || die 'the tasks do not run: ' . $node->health;
	return @tasks;
}

sub statuses
{
	my (@tasks) = @_;
	my $list = join(',', map { "'$_'" } @tasks);
	return sql("SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM capeai.tasks WHERE id IN ($list)");
}

# Waits until the worker is another process than $old.
sub wait_for_other_worker
{
	my ($old) = @_;
	$node->wait_until(sub { my $pid = eval { $node->worker_pid } // ''; $pid ne '' && $pid ne $old; }) || die 'no new worker';
	return $node->wait_for_worker;
}

# --- the processes are to be seen
is(sql("SELECT string_agg(DISTINCT backend_type, ' ' ORDER BY backend_type) FROM pg_stat_activity WHERE backend_type IN ('capeai launcher', 'capeai worker')"),
	'capeai launcher capeai worker', 'launcher and worker in pg_stat_activity');

# --- SIGTERM of the worker: tasks are queued again, uncharged, and end
my @tasks = running_tasks(20, 2000);
my $pid = $node->worker_pid;
my $start = time();
sql("SELECT pg_terminate_backend($pid)");
wait_for_other_worker($pid);
cmp_ok(time() - $start, '<', 15, 'a worker ended by SIGTERM is replaced');
$node->wait_idle;
is(statuses(@tasks), 'succeeded', 'its tasks all succeed');
is(sql('SELECT max(failures) FROM capeai.tasks'), 0, 'none is charged');

# --- kill -9: the cluster recovers, the tasks are requeued, only the task at fault could be charged
@tasks = running_tasks(20, 2000);
$pid = $node->worker_pid;
$node->expect_signal(9);
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
wait_for_other_worker($pid);
$node->wait_idle;
is(statuses(@tasks), 'succeeded', 'after kill -9 of the worker its tasks are run again');
is(sql('SELECT max(failures) FROM capeai.tasks'), 0, 'uncharged');
is(sql('SELECT count(*) FROM capeai.tasks WHERE attempt < 2 AND id IN (' . join(',', map { "'$_'" } @tasks) . ')'), 0, 'as another attempt');

# --- an ask whose server crashes is not run again
my $asking = $node->background_psql('postgres', on_error_stop => 0);
$asking->{stdin} .= "SELECT capeai_ask('[[mock: hang]]', agent => 'chat');\n";
$asking->{run}->pump_nb;
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai.tasks WHERE kind = 'ask' AND status = 'running'");
sql('CREATE TABLE flushed ()');    # its commit also flushes the first row of the ask, which is written asynchronously
$pid = $node->worker_pid;
$node->expect_signal(9);
kill 'KILL', $pid;
wait_for_other_worker($pid);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai.tasks WHERE kind = 'ask' AND status = 'failed' AND error_code = 'caller_gone'"),
	'an ask that was under way is failed as caller_gone');
eval { $asking->quit };

# --- DROP DATABASE, with running tasks
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION capeai');
$node->wait_for_worker('other');
pass('a second database gets a worker of its own');
$node->safe_psql('other', q{SELECT capeai_submit_task('chat', '{"query":"[[mock: hang]]"}')});
$node->poll_query_until('other', "SELECT count(*) = 1 FROM capeai.tasks WHERE status = 'running'");
$start = time();
$node->safe_psql('postgres', 'ALTER DATABASE other RENAME TO another');
$node->wait_for_worker('another');
$node->safe_psql('postgres', 'DROP DATABASE another');
cmp_ok(time() - $start, '<', 20, 'RENAME and DROP DATABASE work while tasks are running');
is($node->worker_pid('another'), '', 'no worker is left');

# --- DROP EXTENSION and CREATE EXTENSION again
running_tasks(5, 60000);
$start = time();
sql('DROP EXTENSION capeai');
cmp_ok(time() - $start, '<', 10, 'DROP EXTENSION with running tasks');
is(sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'capeai'"), 0, 'leaves no schema');
ok($node->wait_until(sub { $mock->report(0)->{in_flight} == 0 }), 'and no request');
sql('CREATE EXTENSION capeai');
$node->wait_for_worker;
is($node->wait_task($node->submit('chat', { query => 'again' })), 'succeeded', 'CREATE EXTENSION again works at once');

# --- fast shutdown with a thousand requests in flight
@tasks = running_tasks(1000, 4000);
$start = time();
$node->stop('fast');
cmp_ok(time() - $start, '<', 10, 'fast shutdown does not wait for the model');
$node->start;
$node->wait_for_worker;
ok($node->wait_idle, 'the tasks run after the next start');
is(statuses(@tasks), 'succeeded', 'and succeed');
is(sql('SELECT max(failures) FROM capeai.tasks'), 0, 'uncharged');

# --- a prepared transaction is found by the fallback check
sql(q{BEGIN; SELECT capeai_submit_task('chat', '{"query":"prepared"}'); PREPARE TRANSACTION 'p'});
sql("COMMIT PREPARED 'p'");
ok($node->wait_idle, 'a task of a prepared transaction runs');

# --- a standby has no worker; promoted, it has
$node->backup('base');
my $standby = CapeAI::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->worker_pid, '', 'no worker on a standby');
like($standby->safe_psql('postgres', 'SELECT count(*) > 0 FROM capeai_health()'), qr/^t$/, 'capeai_health works there');
$standby->fails_with('25006', q{SELECT capeai_submit_task('chat', '{"query":"x"}')}, 'submitting on a standby');
my $waiting = $node->submit('chat', { query => 'after promotion [[mock: latency=3000]]' });
$node->wait_status($waiting, 'running');
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
$standby->wait_for_worker;
is($standby->wait_task($waiting), 'succeeded', 'what was running on the primary is run after the promotion');

is($node->log_faults, '', 'main: no crash in the server log');
$standby->finish;
done_testing();
