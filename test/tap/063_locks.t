# Locks and stops of others: an administrator's LOCK TABLE, rows that somebody holds, a worker
# that sleeps through a change of its rows. They delay, and lose nothing.
use strict;
use warnings;

use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub seen { return scalar(my @requests = $mock->requests($_[0])); }
sub submit { my ($query, %arguments) = @_; return $node->submit('chat', { query => $query }, %arguments); }

# --- LOCK TABLE while requests are in flight: results wait, requests go on, nothing is lost
my $session = $node->background_psql('postgres');
for my $table (qw(tasks runs audit_events task_signals))
{
	my @tasks = map { submit("[[tag:$table]] $_ [[mock: latency=600]]") } 1 .. 3;
	ok($node->wait_until(sub { seen($table) == 3 }), "three requests under way, LOCK TABLE capeai.$table");
	$session->query_safe("BEGIN; LOCK TABLE capeai.$table IN ACCESS EXCLUSIVE MODE");
	my $before = sql('SELECT sum(lock_waits) FROM capeai.stat_worker');
	ok($node->poll_query_until('postgres', "SELECT sum(lock_waits) > $before FROM capeai.stat_worker"), 'the write is put off');
	is(sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type = 'capeai worker' AND NOT l.granted"),
		0, 'the worker waits for no lock');
	$session->query_safe('COMMIT');
	is($node->wait_task($_), 'succeeded', 'and done afterwards') for @tasks;
}
is(sql('SELECT count(*) FROM capeai.tasks WHERE attempt <> 1'), 0, 'every task ran once');

# --- more than the worker writes at once ends meanwhile: all the same it goes on with the rest, and sleeps
my @many = map { qq{jsonb_build_object('query', '[[tag:many]] [[mock: latency=1000]] $_')} } 1 .. 900;
sql('SELECT count(*) FROM capeai_submit_tasks(\'chat\', ARRAY[' . join(', ', @many) . '])');
ok($node->wait_until(sub { seen('many') == 900 }), '900 requests under way');
$session->query_safe('BEGIN; LOCK TABLE capeai.tasks IN ACCESS EXCLUSIVE MODE');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM capeai.active_tasks'), 'all of them end while nothing can be written');
my $cpu = sub { my @stat = split ' ', (slurp_file('/proc/' . $node->worker_pid . '/stat') =~ s/^.*\) //r); return ($stat[11] + $stat[12]) / 100; };
my ($from, $used) = (time, $cpu->());
$node->wait_until(sub { time > $from + 2 });
$used = $cpu->() - $used;
cmp_ok($used, '<', 1, "$used s of CPU in two seconds of waiting");
$session->query_safe('COMMIT');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM capeai.tasks WHERE status <> 'succeeded'}), 'and all are written afterwards');

# --- rows that are somewhere else when their attempts end
my @moved = map { submit("[[tag:moved]] $_ [[mock: latency=1000]]") } 1 .. 3;
ok($node->wait_until(sub { seen('moved') == 3 }), 'three requests under way');
my $places = sql(q{SELECT string_agg(ctid::text, ' ' ORDER BY id) FROM capeai.tasks WHERE status = 'running'});
sql('VACUUM FULL capeai.tasks');
isnt(sql(q{SELECT string_agg(ctid::text, ' ' ORDER BY id) FROM capeai.tasks WHERE id IN (} . join(',', map { "'$_'" } @moved) . q{)}), $places, 'VACUUM FULL moves their rows');
is($node->wait_task($_), 'succeeded', 'and they are found') for @moved;

# --- an ask is not stored while the table is locked, and is answered afterwards
$session->query_safe('BEGIN; LOCK TABLE capeai.tasks IN SHARE MODE');
my $asking = $node->background_psql('postgres');
$asking->query_until(qr/asked/, "\\echo asked\nSELECT 'answer: ' || capeai_ask('patience', agent => 'chat');\n");
my $before = sql('SELECT sum(lock_waits) FROM capeai.stat_worker');
$node->poll_query_until('postgres', "SELECT sum(lock_waits) > $before FROM capeai.stat_worker");
$session->query_safe('COMMIT');
like($asking->query_until(qr/answer: .+/, ''), qr/patience/, 'an ask waits for a lock and is answered');
$asking->quit;

# --- one row that somebody holds does not keep back the others
my $held = submit('[[tag:held]] [[mock: latency=600]]');
my @others = map { submit("other $_ [[mock: latency=600]]") } 1 .. 3;
ok($node->wait_until(sub { seen('held') == 1 }), 'requests under way');
$session->query_safe("BEGIN; SELECT FROM capeai.tasks WHERE id = '$held' FOR UPDATE");
is($node->wait_task($_), 'succeeded', 'a task beside one whose row is locked') for @others;
is($node->task($held, 'status'), 'running', 'which waits');
$session->query_safe('COMMIT');
is($node->wait_task($held), 'succeeded', 'and ends when it is free');
is($node->task($held, 'attempt'), 1, 'after one attempt');
is(sql("SELECT count(*) FROM capeai.runs WHERE task_id = '$held'"), 1, 'with its steps once');

# --- a queued row that is held is passed over
$session->query_safe('BEGIN');
my $later = submit('held in the queue', run_at => sql("SELECT now() + interval '1 s'"));
$session->query_safe("SELECT FROM capeai.tasks WHERE id = '$later' FOR UPDATE");
my $free = submit('passes', run_at => sql("SELECT now() + interval '1 s'"));
is($node->wait_task($free), 'succeeded', 'a task passes one that is held');
is($node->task($later, 'status'), 'queued', 'which stays queued');
$session->query_safe('COMMIT');
is($node->wait_task($later), 'succeeded', 'and runs when it is free');
$session->quit;

# --- a worker that sleeps while its tasks are given to somebody else
my $task = submit('[[tag:fenced]] [[mock: latency=800]]', stream => 'true');
ok($node->wait_until(sub { seen('fenced') == 1 }), 'a request under way');
my $pid = $node->worker_pid;
kill 'STOP', $pid;
ok($node->wait_until(sub { my ($r) = $mock->requests('fenced'); $mock->report(0)->{in_flight} == 0 }), 'is answered while the worker sleeps');
ok($node->poll_query_until('postgres', "SELECT status = 'stalled' FROM capeai_health() WHERE component = 'worker'"), 'health calls it stalled');
sql("UPDATE capeai.tasks SET worker = gen_random_uuid() WHERE id = '$task'");
kill 'CONT', $pid;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai.audit_events WHERE task_id = '$task' AND event_type = 'stale_completion'"),
	'its result is dropped, and that is audited');
is($node->worker_pid, $pid, 'the worker lives');
is($node->wait_task($task), 'succeeded', 'the task is run anew');
is($node->task($task, 'attempt'), 2, 'as another attempt');
is(sql("SELECT string_agg(attempt::text, ' ') FROM capeai.runs WHERE task_id = '$task'"), 2, 'with the steps of that one only');

# --- the same while the first attempt goes on: it is given up
$task = submit('[[tag:twice]] [[mock: hang,times=1]]');
ok($node->wait_until(sub { seen('twice') == 1 }), 'a request hangs');
sql("UPDATE capeai.tasks SET worker = gen_random_uuid() WHERE id = '$task'");
is($node->wait_task($task), 'succeeded', 'a task taken from its worker is run anew');
ok($node->wait_until(sub { ($mock->requests('twice'))[0]{aborted} }), 'and its first request is dropped');
is(sql('SELECT sum(in_flight) FROM capeai.stat_worker'), 0, 'nothing is left in flight');

# --- a session that is idle in transaction after it submitted or cancelled holds up nobody
my $idle = $node->background_psql('postgres');
my $hanging = submit('[[tag:idle]] [[mock: hang]]');
ok($node->wait_until(sub { seen('idle') == 1 }), 'a request hangs');
$idle->query_safe("BEGIN; SELECT capeai_cancel_task('$hanging')");
is($node->wait_task(submit('others')), 'succeeded', 'others run while a cancel is not committed');
is($node->task($hanging, 'status'), 'running', 'the cancel does not count before its commit');
$idle->query_safe('COMMIT');
is($node->wait_task($hanging), 'cancelled', 'then it does');
$idle->quit;

$node->finish;
done_testing();
