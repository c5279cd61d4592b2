# Limits that administrators set, what servers say of theirs, and fairness between owners.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub limit { my ($scope, $name, $metric, $value) = @_;
	return sql("SELECT capeai_set_limit('$scope', " . ($name eq '' ? 'NULL' : "'$name'") . ", '$metric', $value)"); }

# Submits $count tasks whose query begins with $text, as $role.
sub submit_many
{
	my ($count, $text, %more) = @_;
	my $role = delete $more{role};
	my $arguments = join '', map { ", $_ => '$more{$_}'" } sort keys %more;
	return sql(($role ? "SET ROLE $role; " : '') . "SELECT count(*) FROM capeai_submit_tasks('chat',
		(SELECT array_agg(jsonb_build_object('query', '$text ' || i)) FROM generate_series(1, $count) i)$arguments)");
}

sql("CREATE ROLE anna IN ROLE capeai_user; CREATE ROLE ben IN ROLE capeai_user; CREATE ROLE root IN ROLE capeai_admin");

# --- the function
for my $case (
	[ q{'planet', 'x', 'in_flight', 1}, '22023', 'unknown scope' ], [ q{'role', 'anna', 'speed', 1}, '22023', 'unknown metric' ],
	[ q{'agent', 'chat', 'queued', 1}, '22023', 'metric that the scope has not' ], [ q{'role', NULL, 'queued', 1}, '22023', 'no name' ],
	[ q{'default', 'x', 'queued', 1}, '22023', 'a name for default' ], [ q{'role', 'anna', 'queued', -1}, '22023', 'negative limit' ],
	[ q{'role', 'anna', 'queued', 'NaN'}, '22023', 'NaN' ], [ q{'role', 'anna', 'queued', 1.5}, '22023', 'half a task' ],
	[ q{'role', 'nobody', 'queued', 1}, '42704', 'unknown role' ], [ q{'agent', 'nobody', 'in_flight', 1}, '42704', 'unknown agent' ])
{
	my ($arguments, $sqlstate, $name) = @$case;
	$node->fails_with($sqlstate, "SELECT capeai_set_limit($arguments)", $name);
}
my ($state, $message, $hint) = $node->error_of(q{SELECT capeai_set_limit('role', 'anna', 'speed', 1)});
like($hint, qr/in_flight, queued.*cost_per_day/, 'the HINT lists the metrics');
$node->fails_with('42501', q{SET ROLE anna; SELECT capeai_set_limit('role', 'anna', 'queued', NULL)}, 'not for users');
sql(q{SET ROLE root; SELECT capeai_set_limit('role', 'anna', 'cost_per_day', 0.5)});
is(sql('SELECT scope, name, metric, value FROM capeai.limits'), 'role|anna|cost_per_day|0.5', 'an administrator sets one');
is(sql("SELECT role, event_data ->> 'metric' FROM capeai.audit_events WHERE event_type = 'limit_set'"), 'root|cost_per_day', 'which is audited');
sql(q{SELECT capeai_set_limit('role', 'anna', 'cost_per_day', NULL)});
is(sql('SELECT count(*) FROM capeai.limits'), 0, 'NULL removes it');

# --- in flight: by model, agent, role and default
for my $case ([ 'model', 'mock' ], [ 'agent', 'chat' ], [ 'role', 'anna' ], [ 'default', '' ])
{
	my ($scope, $name) = @$case;
	$mock->reset;
	limit($scope, $name, 'in_flight', 10);
	submit_many(50, '[[mock: latency=100]]', role => 'anna');
	ok($node->wait_idle, "50 tasks within a limit of 10 for $scope $name end");
	my $report = $mock->report(0);
	is($report->{requests}, 50, 'each once');
	cmp_ok($report->{peak_in_flight}, '<=', 10, 'never more than 10 at once');
	cmp_ok($report->{peak_in_flight}, '>=', 5, 'but not one by one');
	limit($scope, $name, 'in_flight', 'NULL');
}
is(sql('SELECT sum(failures) FROM capeai.tasks'), 0, 'nothing was charged');

# --- asks wait for room, too; others do not
$mock->reset;
limit('model', 'mock', 'in_flight', 2);
is(sql("SELECT count(*) FROM capeai_ask_many((SELECT array_agg('[[mock: latency=100]] ' || i) FROM generate_series(1, 8) i), agent => 'chat') a WHERE error_code IS NULL"),
	8, 'asks over the limit wait and are answered');
cmp_ok($mock->report(0)->{peak_in_flight}, '<=', 2, 'two at a time');
limit('model', 'mock', 'in_flight', 0);
$node->fails_with('57014', "SELECT capeai_ask('x', agent => 'chat', timeout => '500 ms')", 'an ask waits no longer than its timeout');
is(sql("SELECT capeai_ask('x', agent => 'chat', model => 'other') <> ''"), 't', 'another model is not limited');
my $blocked = $node->submit('chat', { query => 'blocked' });
my $free = $node->submit('chat', { query => 'free' }, model => 'other');
is($node->wait_task($free), 'succeeded', 'what waits for a limit holds up nothing else');
is($node->task($blocked, 'status || attempt'), 'queued0', 'and is not touched');
limit('model', 'mock', 'in_flight', 'NULL');
is($node->wait_task($blocked), 'succeeded', 'until the limit goes');

# --- requests and tokens per minute
$mock->reset;
limit('model', 'slow', 'requests_per_minute', 120);
my $start = time();
submit_many(130, '[[tag:slow]]', model => 'slow');
ok($node->wait_idle, '130 tasks at 120 a minute end');
my $took = time() - $start;
cmp_ok($took, '>=', 4.5, sprintf('10 more than the first 120 take 5 s (%.1f s)', $took));
cmp_ok($took, '<', 15, 'and not much more');
is(sql("SELECT max(failures) FROM capeai.tasks WHERE model = 'slow'"), 0, 'waiting charges nothing');
limit('model', 'slow', 'requests_per_minute', 'NULL');

$mock->reset;
limit('model', 'short', 'tokens_per_minute', 1200);
submit_many(20, '[[tag:short]]', model => 'short');
ok($node->poll_query_until('postgres', "SELECT count(*) >= 3 FROM capeai.tasks WHERE model = 'short' AND status = 'succeeded'"), 'some go at once');
ok($node->wait_idle, 'the others as their tokens are settled') || diag(sql("SELECT status, wait_reason, count(*) FROM capeai.tasks WHERE model = 'short' GROUP BY 1, 2"));
limit('model', 'short', 'tokens_per_minute', 'NULL');

# --- what the server says: nothing left means a pause for that model
$mock->reset;
sql("SELECT capeai_ask('[[tag:used]] [[mock: ratelimit=0]]', agent => 'chat', model => 'used')");
sql("SELECT capeai_ask('[[tag:used]] again', agent => 'chat', model => 'used')");
my @requests = $mock->requests('used');
is(scalar(@requests), 2, 'one request each');
cmp_ok($requests[1]{arrived_us} - $requests[0]{arrived_us}, '>=', 100_000, 'remaining 0: the next only after the reset') if defined $requests[0]{arrived_us};

# --- at submit: queued and tasks per minute
limit('role', 'anna', 'queued', 5);
submit_many(5, 'later', role => 'anna', run_at => '2099-01-01');
$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_submit_task('chat', '{"query":"x"}')}, 'the queue is full');
is(submit_many(3, 'ben', role => 'ben'), 3, 'for this role only');
sql(q{SET ROLE anna; SELECT count(capeai_cancel_task(id)) FROM capeai.tasks WHERE status = 'queued'});
is(submit_many(5, 'now', role => 'anna'), 5, 'and while it is full');
$node->wait_idle;
$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_submit_tasks('chat', array_fill('{"query":"x"}'::jsonb, '{6}'))}, 'more than the queue holds');
limit('role', 'anna', 'queued', 'NULL');
sql('CREATE ROLE carl IN ROLE capeai_user');
limit('default', '', 'tasks_per_minute', 3);
is(submit_many(3, 'x', role => 'carl'), 3, 'three tasks');
($state, $message, $hint) = $node->error_of(q{SET ROLE carl; SELECT capeai_submit_task('chat', '{"query":"x"}')});
is($state, '53400', 'a fourth within the minute');
like($hint, qr/capeai_set_limit/, 'the HINT says what to do');
limit('default', '', 'tasks_per_minute', 'NULL');
$node->wait_idle;

# --- fairness: many tasks of one owner, one of another
$node->append_conf('postgresql.conf', 'capeai.max_in_flight = 4');
$node->reload;
submit_many(200, '[[tag:fair]] [[mock: latency=30]] anna', role => 'anna');
ok($node->wait_until(sub { my @r = $mock->requests('fair'); @r >= 20 }), 'one owner fills the worker');
my $one = sql(q{SET ROLE ben; SELECT capeai_submit_task('chat', '{"query":"[[tag:fair]] ben"}')});
is($node->wait_task($one), 'succeeded', "another's task runs");
cmp_ok(sql("SELECT count(*) FROM capeai.tasks WHERE status = 'queued' AND owner = 'anna'::regrole"), '>', 100, 'long before the rest of the many');
cmp_ok(sql("SELECT count(*) FROM capeai.tasks a, capeai.tasks b WHERE b.id = '$one' AND a.owner = 'anna'::regrole AND a.started_at BETWEEN b.created_at AND b.started_at - interval '1 us'"),
	'<=', 8, 'hardly anything goes before it');
my $urgent = sql(q{SET ROLE anna; SELECT capeai_submit_task('chat', '{"query":"urgent"}', priority => 5)});
is($node->wait_task($urgent), 'succeeded', 'priority goes before the order of one owner');
cmp_ok(sql("SELECT count(*) FROM capeai.tasks WHERE status = 'queued'"), '>', 20, 'while others wait');
ok($node->wait_idle, 'all end');
is(sql("SELECT count(*) FROM (SELECT started_at < lag(started_at) OVER (ORDER BY run_at, id) AS early FROM capeai.tasks
	WHERE owner = 'anna'::regrole AND priority = 0 AND input_data ->> 'query' LIKE '%anna%') o WHERE early"), 0, 'in the order of run_at');

# --- buckets know what was used before a restart
limit('model', 'again', 'requests_per_minute', 30);
submit_many(30, 'x', model => 'again');
$node->wait_idle;
$node->restart;
$node->wait_for_worker;
$start = time();
my $next = $node->submit('chat', { query => 'x' }, model => 'again');
$node->wait_task($next);
cmp_ok(time() - $start, '>=', 0.5, 'after a restart the limit still holds');

$node->finish;
done_testing();
