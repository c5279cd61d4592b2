# A worker without files, without memory, with a version that is not its own, beside a notification queue that
# nobody empties: it says so and goes on, or leaves and comes back. The server never restarts for it.
# alone: it takes what the machine has.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new('--keep', 20000);
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_in_flight = 500\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub submit_many
{
	my ($name, $count, $script) = @_;
	return sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', '$name ' || i || ' $script')) FROM generate_series(1, $count) i), max_attempts => 20)");
}
sub ends_well
{
	my ($name, $count, $what) = @_;
	ok($node->wait_until(sub { my ($status, $left) = $node->psql('postgres', "SELECT count(*) FROM capeai.tasks WHERE status IN ('queued', 'running')"); $status == 0 && $left eq '0' }, 120), $what)
	  || diag($node->health . sql("SELECT status, wait_reason, error_message, attempt, count(*) FROM capeai.tasks GROUP BY 1, 2, 3, 4"));
	return is(sql("SELECT count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE '$name %' AND status = 'succeeded'"), $count, "$name: every task succeeds")
	  || diag(sql("SELECT status, error_code, error_message, count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE '$name %' GROUP BY 1, 2, 3"));
}
sub set_limit
{
	my ($kind, $value) = @_;
	my $pid = $node->worker_pid;
	return system('prlimit', '--pid', $pid, "--$kind=$value:") == 0;
}

# --- versions that differ: an upgrade of one half
my $before = sql("SELECT extversion FROM pg_extension WHERE extname = 'capeai'");
sql("UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'capeai'");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component = 'worker' AND status ~ 'version'"), 'health calls the worker paused for its version')
  || diag($node->health);
like(sql("SELECT status || detail FROM capeai_health() WHERE component = 'library'"), qr/99\.0/, 'and says which versions differ');
my (undef, $task, $warning) = $node->psql('postgres', q{SELECT capeai_submit_task('chat', '{"query": "while versions differ"}')});
like($warning, qr/WARNING:.*version/, 'a submit says that the task waits');
$node->fails_with('55000', "SELECT capeai_ask('x', agent => 'chat')", 'asking while versions differ');
is($node->task($task, 'status'), 'queued', 'nothing runs');
sql("UPDATE pg_extension SET extversion = '$before' WHERE extname = 'capeai'");
$node->wait_for_worker;
is($node->wait_task($task), 'succeeded', 'once they agree it does');

# --- no files
SKIP:
{
	skip 'prlimit is not installed', 8 if system('prlimit --version > /dev/null 2>&1') != 0;
	my $pid = $node->worker_pid;
	my $open = () = glob "/proc/$pid/fd/*";
	ok(set_limit('nofile', $open + 20), 'the worker may open twenty more files');
	submit_many('files', 300, '[[mock: latency=100]]');
	ok($node->wait_until(sub { sql("SELECT count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE 'files %' AND status = 'succeeded'") > 0 }, 60), 'some get through');
	is($node->worker_pid, $pid, 'it lives');
	set_limit('nofile', 5000);
	ends_well('files', 300, 'with files again all of them end');

	# --- no memory
	$pid = $node->worker_pid;
	my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
	ok(set_limit('as', ($size + 2048) * 1024), 'the worker may take two megabytes more');
	my $started = sql('SELECT pg_postmaster_start_time()');
	my $answer = 'x' x 4000;
	submit_many('memory', 400, "[[mock: tokens=20000,latency=300]] $answer");
	$node->wait_until(sub { my $now = eval { $node->worker_pid } // ''; $now ne $pid || slurp_file($node->logfile) =~ /out of memory/ }, 20);
	my $now = $node->worker_pid;
	note($now eq $pid ? 'the worker lives' : 'the worker left and another came');
	set_limit('as', 'unlimited') if $now eq $pid;
	ends_well('memory', 400, 'with memory again all of them end');
	is(sql('SELECT pg_postmaster_start_time()'), $started, 'the server did not restart');
}

# --- nobody empties the notification queue: a listener is idle in a transaction
my $idle = $node->background_psql('postgres');
$idle->query_safe('LISTEN somewhere; BEGIN; SELECT 1');
my $fill = $ENV{CAPEAI_TEST_LONG} ? 600_000 : 2_000;
sql("SELECT count(pg_notify('nobody', i || repeat('x', 7900))) FROM generate_series(1, $fill) i");
cmp_ok(sql('SELECT pg_notification_queue_usage()'), '>', $ENV{CAPEAI_TEST_LONG} ? 0.5 : 0, 'the queue is in use');
my $start = time();
submit_many('notify', 100, '');
ends_well('notify', 100, 'tasks end beside it');
cmp_ok(time() - $start, '<', 30, 'without delay');
like($node->health, qr/notifications\|degraded/, 'health calls notifications degraded') if $ENV{CAPEAI_TEST_LONG};
$idle->query_safe('COMMIT');
$idle->quit;

unlike(slurp_file($node->logfile), qr/terminated by signal|terminating any other active server processes/, 'no process died');
$node->finish;
done_testing();
