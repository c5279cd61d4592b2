# Answers piece by piece through a cursor: what arrives when, what ends a stream,
# and what a reader who does not read costs. At the end, streams by NOTIFY.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub in_flight { return $mock->report(0)->{in_flight}; }
sub wait_dropped { my ($name) = @_; return ok($node->wait_until(sub { in_flight() == 0 }, 10), "$name: the request was dropped"); }
sub request { my ($tag) = @_; return ($mock->requests($tag))[-1] // {}; }

# The query text of an ask of agent chat whose answer is scripted.
sub scripted { my ($tag, $script) = @_; return "'[[tag:$tag]] [[mock: $script]]', agent => 'chat'"; }

# A session with a cursor: fetch() gives what came, error() what went wrong since.
package Reader
{
	sub new
	{
		my ($class, $before) = @_;
		my $self = bless { psql => $node->background_psql('postgres', on_error_stop => 0) }, $class;
		$self->run($before . '; BEGIN');
		return $self;
	}
	sub run { my ($self, $sql) = @_; return scalar $self->{psql}->query($sql); }
	sub open { my ($self, $name, $arguments) = @_; $self->run("DECLARE $name CURSOR FOR SELECT capeai_stream($arguments)"); return; }
	sub fetch { my ($self, $name, $count) = @_; return $self->run('FETCH ' . ($count // 1) . " FROM $name"); }
	sub error { my ($self) = @_; my $error = $self->{psql}{stderr}; $self->{psql}{stderr} = ''; return $error; }
	sub quit { my ($self) = @_; $self->error; $self->{psql}->quit; return; }
}
sub reader { return Reader->new($_[0] // 'SELECT 1'); }

# The statement fails with that SQLSTATE and words.
sub fails
{
	my ($reader, $sql, $pattern, $name) = @_;
	$reader->error;
	my $out = $reader->run("\\set VERBOSITY verbose\n$sql");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($reader->error, $pattern, $name) || diag("it gave: $out");
	return;
}

# --- the first piece comes while the model still writes
my $reader = reader();
$reader->open('c', scripted('first', 'text=0123456789,chunk=1,delay=300'));
my $start = time();
is($reader->fetch('c'), '0', 'the first piece');
cmp_ok(time() - $start, '<', 1.5, 'came at once');
is(in_flight(), 1, 'while the model still writes');
is($reader->fetch('c', 3), "1\n2\n3", 'then the next ones');
is($reader->fetch('c', 'ALL'), "4\n5\n6\n7\n8\n9", 'and the rest');
is($reader->run('SELECT response, finish_reason FROM capeai_last_answer()'), '0123456789|stop', 'capeai_last_answer has all of it');
is($reader->run("SELECT status, stream, output_data ->> 'response' FROM capeai.tasks ORDER BY id DESC LIMIT 1"),
	'succeeded|t|0123456789', 'so has the task');
$reader->run('COMMIT');

# --- characters are never cut, whatever the network does
my $text = "Gr\x{fc}\x{df}e \x{2603} und \x{1F600} " x 50;
utf8::encode($text);
my $encoded = $text =~ s/([^A-Za-z0-9])/sprintf('%%%02X', ord $1)/ger;
$mock->default("text=$encoded,chunk=3,split=5");
is(sql("SELECT string_agg(piece, '') FROM capeai_stream('Tell me', agent => 'chat') AS piece"), $text, 'all pieces together are the answer');
cmp_ok(sql("SELECT count(*) FROM capeai_stream('Tell me', agent => 'chat')"), '>', 10, 'in many pieces');
$mock->reset;

# --- structured output: the pieces are the text of the answer, not JSON
sql(q{SELECT capeai_add_document('Restarting', 'Restart the server with pg_ctl restart.')});
like(sql("SELECT string_agg(piece, '') FROM capeai_stream('How do I restart the server?') AS piece"), qr/^[^{]*pg_ctl restart[^{]*$/,
	'the Guide streams the text within its JSON');

# --- what ends a stream early
my $slow = 'text=' . ('x' x 200) . ',chunk=1,delay=100';
$reader->run('BEGIN');
$reader->open('c', scripted('close', $slow));
$reader->fetch('c', 3);
$reader->run('CLOSE c');
wait_dropped('CLOSE');
ok(request('close')->{aborted}, 'and the model sees it');
$reader->run('COMMIT');
ok($node->poll_query_until('postgres', "SELECT status = 'cancelled' FROM capeai.tasks ORDER BY id DESC LIMIT 1"), 'its task is cancelled');
is(sql(q{SELECT output_data ->> 'response' ~ '^xxx+$', output_data ->> 'partial', completion_tokens > 0, usage ->> 'source'
	FROM capeai.tasks ORDER BY id DESC LIMIT 1}), 't|true|t|estimated', 'with its partial text and what it used');
is(sql(q{SELECT step_name, status, error_details ->> 'partial_text' ~ '^xxx+$' FROM capeai.runs
	WHERE task_id = (SELECT id FROM capeai.tasks ORDER BY id DESC LIMIT 1)}), 'generate_response|cancelled|t', 'and its step');

$reader->run('BEGIN');
$reader->open('c', scripted('rollback', $slow));
$reader->fetch('c');
$reader->run('ROLLBACK');
wait_dropped('ROLLBACK');

$reader->run('BEGIN; SAVEPOINT s');
$reader->open('c', scripted('savepoint', $slow));
$reader->fetch('c');
$reader->run('ROLLBACK TO s');
wait_dropped('ROLLBACK TO');
$reader->open('c', scripted('error', $slow));
$reader->fetch('c');
fails($reader, 'SELECT 1/0', qr/22012/, 'an error elsewhere in the transaction');
wait_dropped('an error');
$reader->run('ROLLBACK; BEGIN');

$reader->open('c', scripted('cancel', 'hang'));
fails($reader, "SET statement_timeout = '300 ms';\nFETCH c;", qr/57014/, 'a cancelled FETCH');
wait_dropped('cancel');
$reader->run('ROLLBACK');
is(sql("SELECT capeai_stream(" . scripted('limit', $slow) . ') LIMIT 1'), 'x', 'LIMIT');
wait_dropped('LIMIT');

my $leaver = reader();
$leaver->open('c', scripted('leave', $slow));
$leaver->fetch('c');
$leaver->quit;
wait_dropped('the end of the session');

# --- several cursors at a time, and other asks between them
$reader->run('BEGIN');
$reader->open("c$_", scripted("many-$_", "text=$_$_$_$_$_,chunk=1,delay=20")) for 1 .. 5;
is($reader->fetch("c$_"), $_, "cursor $_ begins") for 1 .. 5;
like($reader->run("SELECT capeai_ask('between', agent => 'chat')"), qr/between/, 'an ask between');
is($reader->fetch("c$_", 2), "$_\n$_", "cursor $_ goes on") for reverse 1 .. 5;
$reader->run('CLOSE c3');
is($reader->fetch("c$_", 'ALL'), "$_\n$_", "cursor $_ ends") for 1, 2, 4, 5;
$reader->run('COMMIT');

# --- a reader who does not read: the worker stops reading from the model
my $megabytes = 12;
$mock->reset;
$reader->run('BEGIN');
$reader->open('big', scripted('big', 'tokens=' . $megabytes * 250_000 . ',chunk=4000') . ", timeout => '5 min'");
$reader->fetch('big');
like($reader->run("SELECT capeai_ask('meanwhile', agent => 'chat')"), qr/meanwhile/, 'another ask over the same channel is not held up');
ok(!$node->wait_until(sub { in_flight() == 0 }, 2), 'the model does not get rid of its answer');
my $length = 0;
my $pieces = 0;
while ((my $more = $reader->fetch('big', 1000)) ne '')
{
	$length += length($more);
	$pieces += 1 + ($more =~ tr/\n//);
}
is($reader->error, '', 'read to its end without an error');
cmp_ok($length, '>', $megabytes * 900_000, "all of it came ($pieces pieces)");
is($reader->run('SELECT length(response) > ' . $megabytes * 900_000 . ' FROM capeai_last_answer()'), 't', 'so has capeai_last_answer');
$reader->run('COMMIT');

# --- nobody reads for stream_idle_timeout
$reader->run("SET capeai.stream_idle_timeout = '400 ms'; BEGIN");
$reader->open('idle', scripted('idle', $slow));
is($reader->fetch('idle'), 'x', 'a stream begins');
wait_dropped('nobody fetches');
fails($reader, 'FETCH idle;', qr/57014: nothing was read from the stream for 0\.4 s.*HINT:.*stream_idle_timeout/s, 'the next FETCH says so');
$reader->run('ROLLBACK; BEGIN');
$reader->open('patient', scripted('patient', 'text=abc,chunk=1,latency=900,delay=900'));
is($reader->fetch('patient', 'ALL'), "a\nb\nc", 'waiting for a slow model is not idle');
$reader->run('COMMIT; RESET capeai.stream_idle_timeout');

# --- what cannot be streamed; what goes wrong on the way
sql(q{SELECT capeai_create_agent('{"slug": "strict", "name": "Strict", "version": "1.0.0", "steps": ["retrieve_knowledge", "generate_response"],
	"prompts": {"user": "{{passages}} {{query}}"}, "knowledge": {"collection": "default"}, "unsupported_policy": "refuse"}')});
$node->fails_with('0A000', "SELECT capeai_stream('How do I restart?', agent => 'strict')", 'an agent that refuses');
$node->fails_with('22023', "SELECT capeai_stream('')", 'an empty query');
$node->fails_with('CA401', 'SELECT capeai_stream(' . scripted('401', 'status=401') . ')', 'an error of the provider');
is(sql('SELECT count(*) FROM capeai_stream(' . scripted('503', 'status=503,times=1') . ')') > 0, 1, 'a retry before any text is not seen');
sql(q{SELECT capeai_create_agent('{"slug": "again", "name": "Again", "version": "1.0.0", "steps": ["generate_response"], "retry_after_output": true}')});
for my $agent ('chat', 'again')
{
	$reader->run('BEGIN');
	$reader->open('broken', "'[[tag:broken-$agent]] [[mock: text=0123456789,chunk=1,delay=50,truncate=5,times=1]]', agent => '$agent'");
	is($reader->fetch('broken'), '0', "$agent: the answer begins");
	fails($reader, 'FETCH ALL broken;', qr/08006/, "$agent: it breaks off, and what was fetched cannot be taken back");
	$reader->run('ROLLBACK');
}
ok($node->wait_until(sub { sql("SELECT count(*) FROM capeai.tasks WHERE status = 'running'") eq '0' }, 20), 'no task is left running');

# --- the worker ends in the middle
$reader->run('BEGIN');
$reader->open('lost', scripted('lost', $slow));
$reader->fetch('lost');
my $pid = $node->worker_pid;
sql("SELECT pg_terminate_backend($pid)");
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
fails($reader, 'FETCH ALL lost;', qr/08006: the capeai worker ended/, 'a worker that ended');
$reader->run('ROLLBACK');
$node->wait_for_worker;
like($reader->run("SELECT capeai_ask('again', agent => 'chat')"), qr/again/, 'the session goes on with the next worker');
$reader->quit;

# --- by NOTIFY: gapless, whole, and not too often
my $sentence = 'The quick brown fox jumps over the lazy dog. ' x 20;
my $escaped = $sentence =~ s/ /%20/gr;
my $task = $node->submit('chat', { query => "[[tag:notify]] [[mock: text=$escaped,chunk=5,delay=10]]" }, stream => 'true',
	run_at => sql("SELECT now() + interval '500 ms'"));
my $listener = $node->listen(sql("SELECT capeai_channel('$task')"));
my $transactions = sql('SELECT sum(transactions) FROM capeai.stat_worker');
$start = time();
ok($listener->wait_for_end, 'the stream ends');
my $ticks = (time() - $start) / 0.05;
my @events = grep { $_->{attempt} > 0 } $listener->events;
is(join(' ', map { $_->{seq} } @events), join(' ', 1 .. @events), 'seq has no gap');
my @deltas = grep { $_->{event} eq 'delta' } @events;
is(join('', map { $_->{text} } @deltas), $sentence, 'the deltas are the answer');
is(sql("SELECT output_data ->> 'raw_text' FROM capeai.runs WHERE task_id = '$task' AND step_name = 'generate_response'"), $sentence,
	'and raw_text');
cmp_ok(scalar(@deltas), '<=', $ticks + 2, 'at most one a stream_interval');
cmp_ok(sql('SELECT sum(transactions) FROM capeai.stat_worker') - $transactions, '<=', $ticks + 12, 'and few transactions');
$listener->close;

$task = $node->submit('again', { query => '[[tag:reset]] [[mock: text=0123456789,chunk=1,truncate=5,times=1]]' }, stream => 'true',
	run_at => sql("SELECT now() + interval '500 ms'"));
$listener = $node->listen(sql("SELECT capeai_channel('$task')"));
$listener->wait_for_end;
@events = $listener->events;
my ($reset) = grep { $events[$_]{event} eq 'reset' } 0 .. $#events;
ok(defined $reset, 'a retry after output is told by reset');
is(join('', map { $_->{text} } grep { $_->{event} eq 'delta' && $_->{attempt} == 2 } @events), '0123456789', 'then all of the answer follows');
$listener->close;

$node->finish;
done_testing();
