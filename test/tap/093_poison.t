# A task that kills its worker: it is found out, tried as often as it may be, and given up. Those beside
# it are not charged for its crashes.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $library = $ENV{CAPEAI_TEST_PRELOAD} // 'build/crash_on_text.so';
die "$library is not built (make tap builds it)" unless -e $library;
my $innocents = $ENV{CAPEAI_TEST_LONG} ? 4999 : 200;

my $mock = CapeAI::Mock->new;
$mock->default('latency=300');
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_in_flight = 5000\n");
$node->stop;
{
	require Cwd;
	local $ENV{LD_PRELOAD} = Cwd::abs_path($library);
	local $ENV{CAPEAI_CRASH_ON_READING} = '[[poison: read]]';
	local $ENV{CAPEAI_CRASH_ON_WRITING} = '[[poison: write]]';
	$node->start;
}
$node->wait_for_worker;

sub sql { return $node->safe_psql('postgres', $_[0]); }

my $crashes = 0;
for my $case ([ 'read', 'before its agent has begun', 3 ], [ 'write', 'in its agent\'s work', 2 ])
{
	my ($word, $where, $attempts) = @$case;
	# Queued while nothing is claimed, so that all of them are claimed together.
	$node->append_conf('postgresql.conf', "capeai.enabled = off\n");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component = 'worker' AND status <> 'ok'");
	my $half = int($innocents / 2);
	my $batch = sub { return "SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', '$word $_[0] ' || i)) FROM generate_series(1, $_[1]) i));" };
	my $out = sql("SET client_min_messages = error; " . $batch->('before', $half)
		  . qq{ SELECT capeai_submit_task('chat', '{"query": "[[poison: $word]]"}', max_attempts => $attempts);} . $batch->('after', $innocents - $half));
	my ($poison) = $out =~ /^(\S{36})$/m;
	$node->expect_signal(11, $attempts);
	$node->append_conf('postgresql.conf', "capeai.enabled = on\n");
	$node->reload;
	ok($node->wait_until(sub { my ($status, $state) = $node->psql('postgres', "SELECT status FROM capeai.tasks WHERE id = '$poison'"); $status == 0 && $state eq 'failed' }, 120),
		"a task that kills its worker $where comes to an end");
	is($node->task($poison, "error_code || ' ' || crash_count || ' ' || attempt || ' ' || failures"), "worker_crashed $attempts $attempts 0",
		"failed worker_crashed, after $attempts crashes");
	ok($node->wait_until(sub { sql("SELECT count(*) FROM capeai.tasks WHERE status IN ('queued', 'running')") == 0 }, 120), 'the others end');
	is(sql("SELECT string_agg(DISTINCT status || ' ' || failures || ' ' || crash_count, ', ') || ', ' || count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE '$word %'"),
		"succeeded 0 0, $innocents", "$innocents innocent ones succeed, uncharged");
	is(sql("SELECT count(*) FROM capeai.audit_events WHERE task_id = '$poison' AND (event_data ->> 'blamed')::boolean"), $attempts, 'each crash is put down to it');
	$crashes += $attempts;
}
is(() = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /terminated by signal 11/g, $crashes, 'the server saw no other crash');

$node->finish;
done_testing();
