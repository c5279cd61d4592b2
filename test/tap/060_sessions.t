# What sessions may do around asks and submits: roll back, cancel, disconnect, wait in any
# isolation level, and that nothing of theirs is left over when they stop.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub seen { return scalar(my @requests = $mock->requests($_[0])); }
sub aborted { my ($tag) = @_; return $node->wait_until(sub { my @r = $mock->requests($tag); @r && $r[-1]{aborted}; }, 20); }

# A session in which a statement runs that does not come back by itself; returns once the model is asked.
sub hanging_session
{
	my ($tag, $statement, %options) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe($options{before}) if $options{before};
	$session->query_until(qr/asked/, "\\echo asked\n$statement;\n");
	$node->wait_until(sub { seen($tag) > 0 }, 30) || diag("no request of $tag");
	return ($session, $pid);
}

# --- what is rolled back was never submitted
sql(q{BEGIN; SELECT capeai_submit_task('chat', '{"query":"[[tag:rolled-back]]"}'); ROLLBACK});
sql(q{BEGIN; SAVEPOINT s; SELECT capeai_submit_task('chat', '{"query":"[[tag:savepoint]]"}'); ROLLBACK TO s;
	SELECT capeai_submit_task('chat', '{"query":"[[tag:kept]]"}'); COMMIT});
ok($node->wait_idle, 'the committed task ends');
is(seen('kept'), 1, 'what was committed was sent');
is(seen('rolled-back') + seen('savepoint'), 0, 'what was rolled back was not');
is(sql('SELECT count(*) FROM capeai.tasks'), 1, 'one task is stored');

# --- a task of a prepared transaction, cancelled before its commit by ROLLBACK PREPARED
sql(q{BEGIN; SELECT capeai_submit_task('chat', '{"query":"[[tag:prepared]]"}'); PREPARE TRANSACTION 'a'});
sql(q{BEGIN; SELECT capeai_submit_task('chat', '{"query":"[[tag:never]]"}'); PREPARE TRANSACTION 'b'});
sql("ROLLBACK PREPARED 'b'");
sql("COMMIT PREPARED 'a'");
ok($node->wait_until(sub { seen('prepared') == 1 }, 30), 'COMMIT PREPARED is found by the fallback check');
$node->wait_idle;
is(seen('never'), 0, 'ROLLBACK PREPARED submits nothing');

# --- any kind of transaction may ask, and wait with a snapshot of its own
for my $kind ('ISOLATION LEVEL REPEATABLE READ', 'ISOLATION LEVEL SERIALIZABLE READ ONLY', 'READ ONLY')
{
	like(sql("BEGIN TRANSACTION $kind; SELECT 1; SELECT capeai_ask('In $kind', agent => 'chat'); COMMIT"), qr/In $kind/, "asking in $kind");
}
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM capeai.tasks');
my $task = $node->submit('chat', { query => '[[mock: latency=700]]' });
is($session->query_safe("SELECT status FROM capeai_wait('$task')"), 'succeeded', 'capeai_wait in REPEATABLE READ sees the end of a later task');
is($session->query_safe("SELECT count(*) FROM capeai.tasks WHERE id = '$task'"), '0', 'which its own snapshot does not hold');
$session->query_safe('COMMIT');

# --- many wait for one task
my @waiting = map { $node->background_psql('postgres') } 1 .. 3;
$task = $node->submit('chat', { query => '[[mock: latency=800]]' });
$_->query_until(qr/waits/, "\\echo waits\nSELECT 'got ' || status FROM capeai_wait('$task');\n") for @waiting;
like($_->query_until(qr/got \w+/, ''), qr/got succeeded/, 'one of several that wait for one task') for @waiting;
$_->quit for @waiting;

# --- cancelling a statement that waits for an answer
my $pid;
($session, $pid) = hanging_session('cancelled', "SELECT capeai_ask('[[tag:cancelled]] [[mock: hang]]', agent => 'chat')");
my $start = time();
is(sql("SELECT pg_cancel_backend($pid)"), 't', 'pg_cancel_backend');
is($session->query('SELECT 42'), '42', 'the session goes on');
cmp_ok(time() - $start, '<', 2, 'at once');
ok(aborted('cancelled'), 'and the request is dropped');
is($session->query("SELECT capeai_ask('after', agent => 'chat') IS NOT NULL"), 't', 'it can ask again');
$session->quit;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM capeai.tasks WHERE input_data ->> 'query' ~ 'tag:cancelled' AND status = 'cancelled'}),
	'its task is cancelled');

my ($sqlstate) = $node->error_of("SET statement_timeout = '400ms'; SELECT capeai_ask('[[tag:late]] [[mock: hang]]', agent => 'chat')");
is($sqlstate, '57014', 'statement_timeout');
ok(aborted('late'), 'drops the request');

($session, $pid) = hanging_session('left', "SELECT capeai_ask('[[tag:left]] [[mock: hang]]', agent => 'chat')");
sql("SELECT pg_terminate_backend($pid)");
ok(aborted('left'), 'a session that is gone drops its request');
eval { $session->quit };

# --- a client that goes without a word, while its statement runs
($session, $pid) = hanging_session('gone', "SELECT capeai_ask('[[tag:gone]] [[mock: hang]]', agent => 'chat')",
	before => "SET client_connection_check_interval = '100ms'");
$session->{run}->kill_kill;
ok(aborted('gone'), 'a client that is gone drops its request');

# --- a cancelled ask in an open transaction holds nothing but the transaction
($session, $pid) = hanging_session('inside', "BEGIN; SELECT capeai_ask('[[tag:inside]] [[mock: hang]]', agent => 'chat')");
sql("SELECT pg_cancel_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT state = 'idle in transaction (aborted)' FROM pg_stat_activity WHERE pid = $pid"),
	'the transaction is aborted');
ok(aborted('inside'), 'its request is dropped although it stays open');
is($node->wait_task($node->submit('chat', { query => 'others' })), 'succeeded', 'others work on');
$session->query('ROLLBACK');

# --- an error caught in a subtransaction: the session can ask again in the same transaction
is($session->query(<<'SQL'), 't', 'asking again after an error that was caught');
DO $$ BEGIN PERFORM capeai_ask('[[mock: status=400]]', agent => 'chat'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE; END $$;
SELECT capeai_ask('again', agent => 'chat') IS NOT NULL
SQL
$session->quit;

# --- what a cancelled stream had delivered is kept, with its usage
$mock->default('tokens=4000,chunk=10,delay=20');
$task = $node->submit('chat', { query => '[[tag:partial]]' }, stream => 'true');
my $listener = $node->listen(sql("SELECT capeai_channel('$task')"));
ok($listener->wait_for(sub { $_[0]{event} eq 'delta' }), 'a stream has begun');
sql("SELECT capeai_cancel_task('$task')");
is($node->wait_task($task), 'cancelled', 'capeai_cancel_task ends a running stream');
ok(aborted('partial'), 'the request is dropped');
is($node->task($task, "length(output_data ->> 'response') > 0 AND (output_data ->> 'partial')::boolean AND completion_tokens > 0"),
	't', 'text and usage so far are kept');
$listener->close;
$mock->default('');

# --- cancelled waiting
$task = $node->submit('chat', { query => '[[mock: hang]]' });
$session = $node->background_psql('postgres', on_error_stop => 0);
$pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_until(qr/waits/, "\\echo waits\nSELECT capeai_wait('$task');\n");
$node->poll_query_until('postgres', "SELECT wait_event = 'Extension' FROM pg_stat_activity WHERE pid = $pid");
sql("SELECT pg_cancel_backend($pid)");
is($session->query('SELECT 43'), '43', 'capeai_wait can be cancelled');
is($node->task($task, 'status'), 'running', 'which is not the task');
$session->quit;
sql("SELECT capeai_cancel_task('$task')");
ok($node->wait_idle, 'nothing is left');
is(sql("SELECT coalesce(sum(asks), 0) FROM capeai.stat_worker"), '0', 'no ask is under way');

$node->finish;
done_testing();
