# Asking later: submit, wait, many at once, order, idempotency, cancel, retry, time-outs, dependencies.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub ask { return { query => join(' ', @_) }; }

# --- one task
my $task = $node->submit('chat', ask('Hello [[tag:one]]'));
is($node->wait_task($task), 'succeeded', 'a task runs');
like($node->task($task, "output_data ->> 'response'"), qr/Hello/, 'its answer is in output_data');
is($node->task($task, "attempt = 1 AND failures = 0 AND kind = 'queued' AND started_at >= created_at AND completed_at >= started_at"),
	't', 'its columns');
is(sql("SELECT count(*) FROM capeai.runs WHERE task_id = '$task'"), 1, 'chat has one step');
cmp_ok(sql("SELECT count(*) FROM capeai.audit_events WHERE task_id = '$task'"), '>=', 3, 'submit, start and end are audited');
like(sql("SELECT event_type FROM capeai.audit_events WHERE task_id = '$task' ORDER BY id DESC LIMIT 1"), qr/succeeded/, 'the end last');

# --- a thousand tasks of one second
$mock->reset;
my $start = time();
sql("SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query',
	'n ' || i || ' [[mock: latency=1000]]')) FROM generate_series(1, 1000) i))");
ok($node->wait_idle, '1,000 tasks against a model of 1 s end');
my $took = time() - $start;
note(sprintf 'took %.2f s', $took);
cmp_ok($took, '<', 15, 'all in flight together');
is(sql("SELECT count(*) FROM capeai.tasks WHERE status = 'succeeded' AND input_data ->> 'query' LIKE 'n %'"), 1000, 'every one succeeded');
my $report = $mock->report(0);
is($report->{requests}, 1000, 'one request each');
cmp_ok($report->{peak_in_flight}, '>', 500, 'most of them at the same time');

# --- no transaction is open in the worker while a request is in flight
$task = $node->submit('chat', ask('[[mock: latency=1500]]'));
$node->wait_status($task, 'running');
$node->poll_query_until('postgres', "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE backend_type = 'capeai worker'");
is($node->task($task, 'status'), 'running', 'the worker holds no snapshot while the model thinks');
$node->wait_task($task);

# --- priority and run_at: with one in flight, the order of requests is the order of claims
$node->append_conf('postgresql.conf', 'capeai.max_in_flight = 1');
$node->reload;
$node->submit('chat', ask('[[mock: latency=1000]]'));
ok($node->wait_until(sub { $mock->report(0)->{in_flight} == 1 }), 'the only slot is taken');
$node->submit('chat', ask('[[tag:order]] low'), priority => -1);
$node->submit('chat', ask('[[tag:order]] high'), priority => 9);
$node->submit('chat', ask('[[tag:order]] middle'));
ok($node->wait_idle, 'all four end');
is(join(' ', map { $_->{body} =~ /\]\] (\w+)/ } $mock->requests('order', 1)), 'high middle low', 'higher priority first');
$node->append_conf('postgresql.conf', 'capeai.max_in_flight = 1000');
$node->reload;

$task = $node->submit('chat', ask('later'), run_at => sql("SELECT now() + interval '1500 ms'"));
is($node->wait_task($task), 'succeeded', 'a task with run_at runs');
is($node->task($task, 'started_at >= run_at'), 't', 'not before its time');

# --- idempotency
my $first = $node->submit('chat', ask('same'), idempotency_key => 'k1');
is($node->submit('chat', ask('same'), idempotency_key => 'k1'), $first, 'the same key and payload: the same task');
$node->fails_with('23505', q{SELECT capeai_submit_task('chat', '{"query":"other"}', idempotency_key => 'k1')}, 'another payload');

# --- cancel
$task = $node->submit('chat', ask('[[tag:hang]] [[mock: hang]]'));
ok($node->wait_until(sub { scalar(my @r = $mock->requests('hang')) == 1 }), 'a request hangs');
is(sql("SELECT capeai_cancel_task('$task')"), 't', 'a running task can be cancelled');
is($node->wait_task($task), 'cancelled', 'and is');
ok($node->wait_until(sub { ($mock->requests('hang'))[0]{aborted} }), 'its request is dropped');
is(sql("SELECT capeai_cancel_task('$task')"), 'f', 'only once');
$task = $node->submit('chat', ask('never'), run_at => '2099-01-01');
is(sql("SELECT capeai_cancel_task('$task')"), 't', 'a queued task can be cancelled');
is($node->task($task, 'status'), 'cancelled', 'at once');

# --- failures, retries, time-outs
$task = $node->submit('chat', ask('[[tag:bad]] [[mock: status=400]]'));
is($node->wait_task($task), 'failed', 'a 400 fails the task');
is($node->task($task, "error_code || ' ' || (error_message <> '')"), 'bad_request true', 'and says why');
my $again = sql("SELECT capeai_retry_task('$task')");
isnt($again, $task, 'retry makes a new task');
is($node->task($again, 'parent_task_id'), $task, 'that knows its parent');
$task = $node->submit('chat', ask('x'), run_at => '2099-01-01');
$node->fails_with('55000', "SELECT capeai_retry_task('$task')", 'retry of a task that has not ended');
$task = $node->submit('chat', ask('[[tag:flaky]] [[mock: status=500,times=2]]'));
is($node->wait_task($task), 'succeeded', 'two 500s, then an answer');
is($node->task($task, "attempt || ' ' || failures"), '3 2', 'three attempts, two charged');
$task = $node->submit('chat', ask('[[tag:limit]] [[mock: status=429,retry_after=1,times=2]]'));
is($node->wait_task($task), 'succeeded', 'two 429s, then an answer');
is($node->task($task, "failures"), '0', 'a 429 charges nothing');
cmp_ok($node->task($task, "extract(epoch FROM completed_at - created_at)"), '>=', 2, 'Retry-After is obeyed');
$task = $node->submit('chat', ask('[[tag:down]] [[mock: status=503]]'), max_attempts => 2);
is($node->wait_task($task), 'failed', 'a provider that stays down fails the task');
is(scalar(my @tries = $mock->requests('down')), 2, 'after max_attempts');
$task = $node->submit('chat', ask('[[mock: hang]]'), timeout => '1 s');
is($node->wait_task($task), 'failed', 'a task whose time is over fails');
like($node->task($task, 'error_code'), qr/^(timeout|deadline_exceeded)$/, 'with the reason');

# --- dependencies
my $one = $node->submit('chat', ask('[[mock: latency=300]] one'));
my $two = $node->submit('chat', ask('two'), depends_on => "{$one}");
is($node->wait_task($two), 'succeeded', 'a dependent task runs');
is(sql("SELECT t.started_at >= o.completed_at FROM capeai.tasks t, capeai.tasks o WHERE t.id = '$two' AND o.id = '$one'"), 't', 'afterwards');
$one = $node->submit('chat', ask('[[mock: status=400]]'));
$two = $node->submit('chat', ask('two'), depends_on => "{$one}");
is($node->wait_task($two), 'failed', 'a task whose dependency failed does not run');
is($node->task($two, 'error_code'), 'dependency_failed', 'and says so');

# --- waiting, and bad input
$task = $node->submit('chat', ask('x'), run_at => '2099-01-01');
is(sql("SELECT status FROM capeai_wait('$task', '100 ms')"), 'queued', 'capeai_wait gives the row as it is when the time is over');
$node->fails_with('42704', "SELECT capeai_wait('00000000-0000-7000-8000-000000000000')", 'waiting for nothing');
$node->fails_with('55000', q{BEGIN; SELECT capeai_wait(capeai_submit_task('chat', '{"query":"x"}'))}, 'waiting for a task not yet committed');
my $before = sql('SELECT count(*) FROM capeai.tasks');
for my $case (
	[ q{'nobody', '{"query":"x"}'}, '42704', 'unknown agent' ], [ q{'chat', '[]'}, '22023', 'input that is no object' ],
	[ q{'cape-ai-guide', '{}'}, '22023', 'input without a query' ], [ q{'cape-ai-guide', '{"query":"x","user_level":"guru"}'}, '22023', 'input that the schema refuses' ],
	[ q{'chat', '{"query":"x"}', run_at => 'infinity'}, '22023', 'run_at infinity' ],
	[ q{'chat', '{"query":"x"}', max_attempts => 0}, '22023', 'max_attempts 0' ])
{
	my ($arguments, $sqlstate, $name) = @$case;
	$node->fails_with($sqlstate, "SELECT capeai_submit_task($arguments)", $name);
}
my ($status, $out, $err) = $node->psql('postgres', q{SELECT capeai_submit_tasks('cape-ai-guide', ARRAY['{"query":"x"}', '{}']::jsonb[])});
like($err, qr/DETAIL:.*2/, 'one bad input of many: its ordinal');
is(sql('SELECT count(*) FROM capeai.tasks'), $before, 'nothing was written');

$node->finish;
done_testing();
