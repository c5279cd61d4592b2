# A day's work in short: tasks come, end and are deleted when their retention is over. The worker's memory
# does not grow with them, nor do tables and indexes. (CAPEAI_TEST_LONG: 100,000 tasks.)
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my ($rounds, $batch) = $ENV{CAPEAI_TEST_LONG} ? (40, 2500) : (6, 1000);
my $mock = CapeAI::Mock->new('--bodies', 0);
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => <<'CONF');
capeai.retention = 2s
capeai.audit_retention = 2s
capeai.fallback_interval = 1s
autovacuum_naptime = 1s
fsync = off
CONF

sub sql { return $node->safe_psql('postgres', $_[0]); }
my $pid = $node->worker_pid;
sub memory { my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m; return $kb; }
my $sizes = q{SELECT sum(pg_total_relation_size(c)) / 1024 FROM unnest('{capeai.tasks,capeai.runs,capeai.audit_events}'::regclass[]) c};

my (@memory, @size, $slowest);
$slowest = 0;
for my $round (1 .. $rounds)
{
	my $start = time();
	sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', 'round $round, number ' || i)) FROM generate_series(1, $batch) i))");
	my $took = time() - $start;
	$slowest = $took if $took > $slowest;
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM capeai.tasks WHERE status IN ('queued', 'running')}) or die 'tasks do not end';
	push @memory, memory();
	$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM capeai.tasks') or die 'old tasks stay';
	push @size, int sql($sizes);
}
is($node->worker_pid, $pid, 'it was one worker all the time');
# What the first rounds take belongs to the process: caches, plans, buffers of malloc.
my $warm = $rounds / 4;
my ($before) = sort { $b <=> $a } @memory[0 .. $warm];
note("memory of the worker after each round, kB: @memory");
cmp_ok($memory[-1] - $before, '<', 8192, 'its memory does not grow with the tasks');
note("tables and indexes after each round, kB: @size");
my ($largest) = sort { $b <=> $a } @size[0 .. $rounds / 2];
cmp_ok($size[-1], '<', 2 * $largest, 'nor do tables and indexes');
note(sprintf 'the slowest submit of %d tasks beside it: %.2f s', $batch, $slowest);
is(sql('SELECT count(*) FROM capeai.runs'), 0, 'what is older than its retention is deleted with its steps');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM capeai.audit_events WHERE created_at < now() - interval '10 s'}), 'and so is the audit trail');

# --- what runs is not touched, however old; nor is anything while somebody holds it
my $running = $node->submit('chat', { query => '[[mock: latency=5000]]' });
my $done = $node->submit('chat', { query => 'soon gone' });
$node->wait_task($done);
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT FROM capeai.tasks WHERE id = '$done' FOR UPDATE");
is($node->wait_task($running), 'succeeded', 'a task that runs for longer than the retention ends');
is($holder->query_safe("SELECT count(*) FROM capeai.tasks WHERE id = '$done'"), 1, 'a row that somebody holds stays');
$holder->query_safe('COMMIT');
$holder->quit;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM capeai.tasks WHERE id = '$done'"), 'until it is free');

$node->finish;
done_testing();
