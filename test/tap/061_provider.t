# The provider seen from the queue: pauses, faults, time-outs, chains of tasks, and settings
# that change while tasks are running.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub seen { return scalar(my @requests = $mock->requests($_[0])); }
sub submit { my ($query, %arguments) = @_; return $node->submit('chat', { query => $query }, %arguments); }
sub set
{
	my (%settings) = @_;
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") for sort keys %settings;
	$node->reload;
	return;
}

# The events that a listener got, as attempt:event, without steps.
sub events_of { return join ' ', map { "$_->{attempt}:$_->{event}" } grep { $_->{event} !~ /^(step|delta)$/ } $_[0]->events; }

# --- a 429 pauses the provider for all of its tasks, and charges none
my $start = time();
my $first = submit('[[tag:pause]] [[mock: status=429,retry_after=2,times=1]]');
ok($node->wait_until(sub { seen('pause') == 1 }), 'the provider says 429, with Retry-After: 2');
ok($node->poll_query_until('postgres', "SELECT status = 'queued' AND wait_reason = 'rate_limited' AND run_at > now() FROM capeai.tasks WHERE id = '$first'"),
	'the task waits, with the reason');
my $second = submit('[[tag:second]] of the same model');
is($node->wait_task($first), 'succeeded', 'after the pause it succeeds');
is($node->wait_task($second), 'succeeded', 'as does another of the same model');
cmp_ok(time() - $start, '>=', 2, 'neither before the time');
my ($request) = $mock->requests('second');
cmp_ok($request->{arrived_us} / 1e6, '>=', $start + 1.9, 'the other was not even sent');
is($node->task($first, "failures || ' ' || (wait_reason IS NULL)"), '0 true', 'nothing is charged');
is($node->task($second, "failures"), '0', 'of neither');

# --- deadlines: of one that waits for its turn, of one that runs, of one that waits for another
my $waits = submit('[[tag:overdue]]', run_at => sql("SELECT now() + interval '1 s'"), timeout => '10 s');
is($node->wait_task($waits), 'succeeded', 'a timeout counts from run_at');
set('capeai.enabled' => 'off');
ok($node->poll_query_until('postgres', "SELECT status <> 'ok' FROM capeai_health() WHERE component = 'worker'"), 'capeai.enabled = off is seen in health');
my ($status, $out, $err) = $node->psql('postgres', q{SELECT capeai_submit_task('chat', '{"query":"[[tag:disabled]]"}', timeout => '1 s')});
like($err, qr/WARNING:.*capeai\.enabled/, 'a submit says that the task will not run yet');
unlike(slurp_file($node->logfile), qr/will not run yet/, 'to the client: the log would fill with it');
my $overdue = $out;
my $listener = $node->listen(sql("SELECT capeai_channel('$overdue')"));
ok($node->wait_status($overdue, 'failed'), 'its deadline passes although nothing runs');
is($node->task($overdue, "error_code || ' ' || attempt"), 'deadline_exceeded 0', 'deadline_exceeded, without an attempt');
ok($listener->wait_for_end, 'listeners hear of it');
like(events_of($listener), qr/\d:failed$/, 'as failed');
$listener->close;
$node->fails_with('55000', "SELECT capeai_ask('x', agent => 'chat')", 'asking while disabled');
my $later = do { my (undef, $id) = $node->psql('postgres', q{SELECT capeai_submit_task('chat', '{"query":"enabled again"}')}); $id };
set('capeai.enabled' => 'on');
is($node->wait_task($later), 'succeeded', 'what was submitted while disabled runs when enabled again') if $node->wait_for_worker;
is(seen('disabled'), 0, 'what was overdue was not sent');

# --- disabled while tasks run: those end
my $running = submit('[[tag:ends]] [[mock: latency=1500]]');
ok($node->wait_until(sub { seen('ends') == 1 }), 'a task runs');
set('capeai.enabled' => 'off');
ok($node->wait_status($running, 'succeeded'), 'disabling lets it end');
set('capeai.enabled' => 'on');
$node->wait_for_worker;

# --- chains
my @chain = (submit('link 0 [[mock: latency=200]]'));
push @chain, submit("link $_", depends_on => "{$chain[-1]}") for 1 .. 4;
my $join = submit('the last', depends_on => '{' . join(',', @chain[2, 3, 4]) . '}');
is($node->wait_task($join), 'succeeded', 'a chain of five and a join');
is(sql('SELECT string_agg(right(input_data ->> \'query\', 1), \'\' ORDER BY started_at) FROM capeai.tasks WHERE id IN ('
	  . join(',', map { "'$_'" } @chain[1 .. 4]) . ')'), '1234', 'one after the other');
my $bad = submit('[[mock: status=400,latency=400]]');
my @hanging = (submit('a', depends_on => "{$bad}"));
push @hanging, submit('b', depends_on => "{$hanging[0]}");
$listener = $node->listen(sql("SELECT capeai_channel('$hanging[1]')"));
is($node->wait_task($hanging[1]), 'failed', 'a failure goes down the chain');
is($node->task($_, 'error_code'), 'dependency_failed', 'as dependency_failed') for @hanging;
ok($listener->wait_for_end, 'listeners hear of that, too');
$listener->close;
$bad = submit('done already');
$node->wait_task($bad);
is($node->wait_task(submit('c', depends_on => "{$bad}")), 'succeeded', 'a dependency that has ended already');
my $blocker = submit('[[mock: hang]]');
my $blocked = submit('d', depends_on => "{$blocker}");
is($node->task($blocked, 'status'), 'blocked', 'blocked');
is(sql("SELECT capeai_cancel_task('$blocked')"), 't', 'a blocked task can be cancelled');
is($node->task($blocked, 'status'), 'cancelled', 'at once');
$blocked = submit('e', depends_on => "{$blocker}", timeout => '1 s');
is($node->wait_task($blocked), 'failed', 'a blocked task has a deadline');
is($node->task($blocked, 'error_code'), 'deadline_exceeded', 'of its own');
$blocked = submit('f', depends_on => "{$blocker}");
sql("SELECT capeai_cancel_task('$blocker')");
is($node->wait_task($blocked), 'failed', 'a cancelled dependency fails who waits for it');

# --- base_url and key file change with a reload, while tasks run
my $other = CapeAI::Mock->new('--key', 'sk-other');
my $file = $node->data_dir . '/key';
sub write_key { my ($key, $mode) = @_; append_to_file("$file.new", "$key\n"); chmod($mode // 0600, "$file.new"); rename("$file.new", $file); return; }
$running = submit('[[tag:old]] [[mock: latency=2000]]');
ok($node->wait_until(sub { seen('old') == 1 }), 'a request is under way');
write_key('sk-other');
set('capeai.base_url' => $other->base_url, 'capeai.api_key_file' => $file);
my $moved = submit('[[tag:new]]');
is($node->wait_task($moved), 'succeeded', 'after the reload another server answers');
is(scalar(my @r = $other->requests('new')), 1, 'with the key of the file');
is($node->wait_task($running), 'succeeded', 'the request that was under way ends where it began');
write_key('sk-wrong');
$node->reload;
my ($sqlstate, $message) = ('', '');
ok($node->wait_until(sub { ($sqlstate, $message) = $node->error_of("SELECT capeai_ask('x', agent => 'chat')"); $sqlstate eq 'CA401' }, 20),
	'a rotated key counts after a reload') || diag("$sqlstate $message");
unlike($message, qr/sk-wrong/, 'and is not in the message');
write_key('sk-other', 0644);
$node->reload;
ok($node->wait_until(sub { ($sqlstate, $message) = $node->error_of("SELECT capeai_ask('x', agent => 'chat')"); $sqlstate eq '55000' }, 20),
	'a key file that others can read is refused') || diag("$sqlstate $message");
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM capeai_health() WHERE component = 'provider' AND status <> 'ok'"), 'health says so');
write_key('sk-other');
$node->reload;
ok($node->wait_until(sub { ($node->error_of("SELECT capeai_ask('x', agent => 'chat')"))[0] eq '00000' }, 20), 'put right, it works again');
unlike(slurp_file($node->logfile), qr/sk-(wrong|other|test)/, 'no key is in the log');

# --- capeai.stat_llm counts the requests of each model, by their ending
is($node->wait_task(submit($_, model => 'counted')), 'succeeded', $_)
  for 'Hello', '[[mock: status=500,times=1]]', '[[mock: status=429,retry_after=0,times=1]]', '[[mock: latency=100]]';
is($node->wait_task(submit('[[mock: status=400]]', model => 'counted')), 'failed', 'one is refused');
my $hanging = submit('[[mock: hang=1]]', model => 'counted', timeout => '300 ms');
is($node->wait_task($hanging), 'failed', 'one times out');
ok($node->poll_query_until('postgres', "SELECT requests = 8 FROM capeai.stat_llm WHERE model = 'counted'"), 'each request counts, retries too');
is(sql("SELECT concat_ws(' ', succeeded, rate_limited, refused, server_errors, timeouts + cancelled, not_reached + malformed + blocked)
	FROM capeai.stat_llm WHERE model = 'counted'"), '4 1 1 1 1 0', 'by its ending');
is(sql("SELECT provider = '127.0.0.1:' || substring(current_setting('capeai.base_url') FROM ':([0-9]+)/') AND connections_reused > 0
		AND bytes_sent > 0 AND bytes_received > 0 AND prompt_tokens > 0 AND completion_tokens > 0
	FROM capeai.stat_llm WHERE model = 'counted'"), 't', 'with what travelled');
is(sql("SELECT p50_ms < 128 AND p99_ms >= 128 AND array_length(latency_histogram, 1) = 20
		AND (SELECT sum(n) FROM unnest(latency_histogram) AS n) = succeeded
	FROM capeai.stat_llm WHERE model = 'counted'"), 't', 'and how long the answers took');

$node->finish;
done_testing();
