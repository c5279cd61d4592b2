# Very many tasks that wait for others: whoever waits no longer runs soon, and the rest is no burden to others.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $many = 20_000;    # many windows of those that the worker looks at together
my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub submit { my ($query, %arguments) = @_; return $node->submit('chat', { query => $query }, %arguments); }
sub submit_many
{
	my ($name, $count, $on) = @_;
	return sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', '$name ' || i)) FROM generate_series(1, $count) i), depends_on => ARRAY['$on']::uuid[])");
}
sub left { my ($name) = @_; return sql("SELECT count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE '$name %' AND status NOT IN ('succeeded', 'failed')"); }
# Seconds for some tasks, one after the other.
sub one_by_one
{
	my $start = time();
	sql(qq{SELECT capeai_submit_task('chat', '{"query": "one of many"}') AS id \\gset\nSELECT status FROM capeai_wait(:'id');\n} x 40);
	return time() - $start;
}

my $before = one_by_one();
my $hanging = submit('[[mock: hang]]');
submit_many('behind', $many, $hanging);
my $beside = one_by_one();
note(sprintf '40 tasks one by one: %.2f s, with %d blocked %.2f s', $before, $many, $beside);
cmp_ok($beside, '<', 10 * $before + 5, "$many blocked tasks are no burden to others");
is(left('behind'), $many, 'they wait');

# --- behind all of them in the queue
my $done = submit('done');
$node->wait_task($done);
my $last = submit('waits for what has ended', depends_on => "{$done}");
my $start = time();
is($node->wait_task($last), 'succeeded', 'one that waits for what has ended already is found behind them');
my $first = submit('[[mock: latency=300]]');
$last = submit('waits for what will end', depends_on => "{$first}");
is($node->wait_task($last), 'succeeded', 'one whose dependency ends is found at once');
cmp_ok(time() - $start, '<', 20, 'both soon');

# --- very many behind one
my $gate = submit('[[mock: latency=300]]');
submit_many('fan', 1500, $gate);
ok($node->wait_until(sub { left('fan') == 0 }, 60), 'fifteen hundred behind one run when it has ended');
is(sql("SELECT count(*) FROM capeai.tasks WHERE input_data ->> 'query' LIKE 'fan %' AND status = 'succeeded'"), 1500, 'and succeed');

# --- a failure takes all of them along
sql("SELECT capeai_cancel_task('$hanging')");
ok($node->wait_until(sub { left('behind') == 0 }, 120), "$many behind a cancelled one fail");
is(sql("SELECT string_agg(DISTINCT error_code, ' ') FROM capeai.tasks WHERE input_data ->> 'query' LIKE 'behind %'"), 'dependency_failed', 'as dependency_failed');
ok($node->wait_idle, 'nothing is left');

$node->finish;
done_testing();
