# Stopping the server with five thousand requests in flight: fast, and smart once no client is left. What
# was in flight is queued again at the next start, uncharged.
# alone: five thousand requests at once.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $count = 5000;
my $mock = CapeAI::Mock->new('--keep', 20000);
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_in_flight = $count\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub fill
{
	my ($name) = @_;
	$mock->default('hang');
	sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', '$name ' || i)) FROM generate_series(1, $count) i))");
	my ($limit) = sql('SELECT max_in_flight FROM capeai.stat_worker') =~ /(\d+)/;
	$limit = $count if !$limit || $limit > $count;
	return $node->wait_until(sub { $mock->report(0)->{in_flight} >= $limit }, 120) ? $limit : 0;
}
sub drained
{
	my ($name) = @_;
	$mock->default('');
	$node->start;
	$node->wait_for_worker;
	ok($node->wait_idle, "$name: all of them run at the next start");
	is(sql("SELECT string_agg(DISTINCT status || ' ' || failures || ' ' || crash_count, ', ') || ', ' || count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE '$name %'"),
		"succeeded 0 0, $count", "$name: and succeed, uncharged");
	return;
}

for my $mode (qw(fast smart))
{
	my $in_flight = fill($mode);
	ok($in_flight, "$mode: $in_flight requests in flight");
	my $start = time();
	$node->stop($mode);
	my $took = time() - $start;
	note(sprintf 'pg_ctl stop -m %s with %d in flight: %.2f s', $mode, $in_flight, $took);
	cmp_ok($took, '<', 20, "$mode: the server stops soon (promised: 2 s)");
	is($mock->report(0)->{in_flight}, 0, "$mode: every connection is closed");
	drained($mode);
}

$node->finish;
done_testing();
