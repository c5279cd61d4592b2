# Budgets of the day and prices: what a task costs, who may spend how much, and
# that many at once spend no more.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub as { my ($role, $sql) = @_; return sql("SET ROLE $role; $sql"); }
sub limit { my ($scope, $name, $metric, $value) = @_;
	return sql("SELECT capeai_set_limit('$scope', " . ($name eq '' ? 'NULL' : "'$name'") . ", '$metric', $value)"); }
sub submit_many { my ($count, $text, $role, $model) = @_;
	return as($role // 'anna', "SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', '$text'))
		FROM generate_series(1, $count)), model => '" . ($model // 'mock') . "')"); }
sub tasks { return sql("SELECT count(*) FROM capeai.tasks WHERE $_[0]"); }

sql('CREATE ROLE anna IN ROLE capeai_user; CREATE ROLE ben IN ROLE capeai_user; CREATE ROLE root IN ROLE capeai_admin');

# --- what a task costs
sql(q{SET ROLE root; INSERT INTO capeai.prices VALUES ('mock', '-infinity', 9, 9, 9), ('mock', '2026-01-01', 0.15, 0.075, 0.6), ('mock', '2999-01-01', 99, 99, 99)});
is(sql("SELECT role FROM capeai.audit_events WHERE event_type = 'prices_changed'"), 'root', 'a change of prices is audited');
ok($node->wait_until(sub { my $task = $node->submit('chat', { query => '[[mock: tokens=100]] x' });
	$node->wait_task($task); return $node->task($task, 'cost IS NOT NULL') eq 't' }), 'a price counts at once');
my $priced = sql('SELECT max(id::text) FROM capeai.tasks');
is($node->task($priced, 'cost = (prompt_tokens * 0.15 + completion_tokens * 0.6) / 1000000'), 't', 'its tokens by the price of today');
is($node->task($priced, "price ->> 'model' || (price ->> 'output')"), 'mock0.6', 'the price is stored with the task');
is($node->task($priced, "usage ->> 'cost' = cost::text"), 't', 'and the cost with its usage');
is(sql(q{SELECT (a.usage ->> 'cost')::numeric > 0 FROM capeai_answer('x', agent => 'chat') a}), 't', 'an answer says what it cost');
is(sql(q{SELECT a.usage ? 'cost' FROM capeai_answer('x', agent => 'chat', model => 'free') a}), 'f', 'unless nobody knows');

# --- 50 at once on a budget for 10
my $one = $node->task($priced, 'prompt_tokens + completion_tokens');
for my $case ([ 'role', 'anna' ], [ 'agent', 'chat' ], [ 'model', 'mock' ], [ 'default', '' ])
{
	my ($scope, $name) = @$case;
	my $spent = sql("SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM capeai.tasks WHERE " . ($scope eq 'role' || $scope eq 'default' ? "owner = 'anna'::regrole" : $scope eq 'agent' ? 'true' : "usage ->> 'model' = 'mock'"));
	$mock->reset;
	limit($scope, $name, 'tokens_per_day', $spent + 10 * $one);
	submit_many(50, '[[mock: tokens=100,latency=50]] x');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM capeai.tasks WHERE status = 'running' OR status = 'queued' AND run_at <= now() + interval '2 s'"), "$scope: all are done or put off")
	  || diag(sql("SELECT status, wait_reason, count(*), min(run_at) FROM capeai.tasks GROUP BY 1, 2"));
	my $calls = $mock->report(0)->{requests};
	cmp_ok($calls, '<=', 10, "$scope: at most 10 calls");
	cmp_ok($calls, '>=', 9, "$scope: and hardly fewer");
	is(tasks("status = 'queued' AND wait_reason = 'over_budget' AND run_at = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day'"), 50 - $calls, 'the others wait for the next day, and say why');
	is(tasks("kind = 'queued' AND (status = 'failed' OR failures > 0)"), 0, 'none failed, none was charged');
	$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_submit_task('chat', '{"query":"x"}', model => 'mock')}, 'a submit');
	$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_ask('x', agent => 'chat', model => 'mock')}, 'an ask');
	is(as('ben', q{SELECT capeai_ask('x', agent => 'chat') <> ''}), 't', "another role's budget is its own") if $scope eq 'role';
	$mock->default('tokens=1');
	limit($scope, $name, 'tokens_per_day', 'NULL');
	ok($node->wait_idle, 'without the limit they run, before the day is over');
}
is(tasks("error_code = 'over_budget' AND kind = 'ask'"), 4, 'asks that were refused are on record');

# --- cost
$mock->reset;
submit_many(1, '[[mock: tokens=100,latency=50]] x');
$node->wait_idle;
my $cost = sql("SELECT cost FROM capeai.tasks ORDER BY id DESC LIMIT 1");
limit('role', 'anna', 'cost_per_day', sql("SELECT sum(cost) + 10 * $cost FROM capeai.tasks WHERE owner = 'anna'::regrole"));
submit_many(50, '[[mock: tokens=100,latency=50]] x');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM capeai.tasks WHERE status = 'running' OR status = 'queued' AND run_at <= now() + interval '2 s'"), 'on a budget in money');
cmp_ok($mock->report(0)->{requests} - 1, '<=', 10, 'at most 10 calls');
is(sql("SELECT sum(cost) <= (SELECT value FROM capeai.limits) FROM capeai.tasks WHERE owner = 'anna'::regrole"), 't', 'no more is spent than was to be');
$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_ask('x', agent => 'chat', model => 'unknown')}, 'a model without a price is no way around it');

# --- what was used is known after a restart, and after a crash
my $put_off = tasks("wait_reason = 'over_budget'");
cmp_ok($put_off, '>', 0, 'tasks wait');
$mock->reset;
$node->restart;
$node->wait_for_worker;
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM capeai_health() WHERE component = 'worker'}), 'after a restart');
$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_ask('x', agent => 'chat')}, 'the budget is still used up');
is($mock->report(0)->{requests}, 0, 'nothing was called');

# --- more money
limit('role', 'anna', 'cost_per_day', 1000);
ok($node->wait_idle, 'with a higher limit the tasks run');
is(tasks("status <> 'succeeded' AND kind = 'queued'"), 0, 'to the last');
limit('role', 'anna', 'cost_per_day', 0);
$node->fails_with('53400', q{SET ROLE anna; SELECT capeai_ask('x', agent => 'chat')}, '0 is nothing at all');
limit('role', 'anna', 'cost_per_day', 'NULL');

$node->finish;
done_testing();
