# An outage of the provider: the circuit opens, one probe at a time looks whether it is back, and when it
# is, everything goes on at once. Whoever could not even connect is not charged for it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);
# The longest pause of an open circuit is 10 s.
my $soon = 30;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub seen { return scalar(my @requests = $mock->requests($_[0])); }
# The model of a circuit of its own; the mock takes any name.
sub submit { my ($model, $query, %arguments) = @_; return $node->submit('chat', { query => $query }, model => $model, %arguments); }
sub open_circuit
{
	my ($model) = @_;
	my @faulty = map { submit($model, "fault [[mock: status=500]]", max_attempts => 1) } 1 .. 5;
	$node->wait_task($_) for @faulty;
	return $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component LIKE 'provider $model @%' AND status = 'circuit open'");
}
sub submit_many
{
	my ($model, $count) = @_;
	return sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', 'after the outage')) FROM generate_series(1, $count)), model => '$model')");
}
sub all_succeed
{
	my ($model, $what) = @_;
	my $left = "SELECT count(*) FROM capeai.tasks WHERE model LIKE '$model%' AND status IN ('queued', 'blocked', 'running')";
	return ok($node->wait_until(sub { sql($left) == 0 }, $soon), $what)
	  || diag($node->health . sql("SELECT status, wait_reason, run_at - now(), count(*) FROM capeai.tasks WHERE model LIKE '$model%' GROUP BY 1, 2, 3 LIMIT 10"));
}

# --- nobody answers at all
my $port = $mock->port;
$mock->stop;
submit_many('away', 60);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component LIKE 'provider away @%' AND status = 'circuit open'"), 'a dead provider opens the circuit; health says so');
my $probes = "SELECT count(*) FROM capeai.audit_events WHERE event_type = 'retrying'";
my $before = sql($probes);
ok($node->wait_until(sub { sql($probes) >= $before + 2 }, $soon), 'probes go out');
cmp_ok(sql($probes) - $before, '<=', 60 + 10, 'and few of them');
$mock = CapeAI::Mock->new('--port', $port);
all_succeed('away', 'when it is back everything is done soon');
is(sql("SELECT count(*) FROM capeai.tasks WHERE model LIKE 'away%' AND status = 'succeeded'"), 60, 'and nothing has failed');
cmp_ok(sql("SELECT count(*) FROM capeai.tasks WHERE model LIKE 'away%' AND failures > 0"), '<=', 5, 'only those that opened the circuit are charged');

# --- the probe hears "too many requests": the provider lives
ok(open_circuit('busy'), 'five errors in a row open the circuit');
my $probe = submit('busy', '[[tag:busy]] [[mock: status=429,retry_after_ms=200,times=1]]', priority => 5);
submit_many('busy', 20);
is($node->wait_task($probe, $soon), 'succeeded', 'a probe that is told to wait is sent again');
all_succeed('busy', 'and the others after it');

# --- the probe takes its time: the others go as soon as it is there
ok(open_circuit('slow'), 'a circuit opens');
$probe = submit('slow', '[[tag:slow]] [[mock: latency=2000]]', priority => 5);
submit_many('slow', 20);
all_succeed('slow', 'a slow probe does not put the others off');
is(seen('slow'), 1, 'one request was the probe');

# --- the probe's process ends
ok(open_circuit('lost'), 'a circuit opens');
$probe = submit('lost', '[[tag:lost]] [[mock: hang,times=1]]', priority => 5);
ok($node->wait_until(sub { seen('lost') == 1 }), 'the probe is out, without an answer');
submit_many('lost', 20);
my $worker = $node->worker_pid;
kill 'TERM', $worker;
ok($node->wait_until(sub { $node->worker_pid !~ /^($worker)?$/ }), 'its worker ends, another comes');
all_succeed('lost', 'the lost probe is replaced');

$node->finish;
done_testing();
