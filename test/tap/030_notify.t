# Events of a task on its channel: which, in what order, numbered, below NOTIFY's limit.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Submits a task that starts in a moment, listens, and collects its events to the end.
sub follow
{
	my ($agent, $query, %arguments) = @_;
	my $task = $node->submit($agent, { query => $query }, run_at => sql("SELECT now() + interval '700 ms'"), %arguments);
	my $listener = $node->listen(sql("SELECT capeai_channel('$task')"));
	ok($listener->wait_for_end, "events of a task of $agent come to an end") || diag(join("\n", $listener->payloads));
	$listener->close;
	return ($task, $listener);
}

# seq counts 1, 2, 3 … within each attempt.
sub is_gapless
{
	my ($name, @events) = @_;
	my (%last, @wrong);
	for my $event (@events)
	{
		push @wrong, "attempt $event->{attempt} seq $event->{seq}" if $event->{seq} != ($last{ $event->{attempt} } // 0) + 1;
		$last{ $event->{attempt} } = $event->{seq};
	}
	return is("@wrong", '', "$name: seq starts at 1 and has no gap");
}

# --- the Guide
sql("SELECT capeai_add_document('Restarting', 'Restart the server with pg_ctl restart.')");
my ($task, $listener) = follow('cape-ai-guide', 'How do I restart the server?');
my @events = grep { $_->{attempt} > 0 } $listener->events;
is($events[0]{event}, 'started', 'started comes first');
is($events[-1]{event}, 'succeeded', 'succeeded last');
my @steps = grep { $_->{event} eq 'step' } @events;
is(join(' ', map { $_->{step} } @steps),
	'analyze_context retrieve_knowledge generate_response match_resources format_response', 'each step in order');
my @progress = map { $_->{progress} } @steps;
is("@progress", join(' ', sort { $a <=> $b } @progress), 'progress grows');
is($progress[-1], 100, 'to 100');
is_gapless('the Guide', @events);
is(scalar(grep { $_->{task} ne $task } @events), 0, 'each names the task');
is(scalar(grep { length($_) >= 8000 } $listener->payloads), 0, 'every payload is below 8000 bytes');

# --- queued is written by the worker, never in the submitter's transaction
my $session = $node->listen('capeai_nothing');
$session->{session}->query_safe('BEGIN');
my $id = $session->{session}->query_safe(q{SELECT capeai_submit_task('chat', '{"query":"x"}')});
is($node->task($id, 'count(*)'), 0, 'a task is not seen before its commit');
$session->{session}->query_safe('ROLLBACK');
$session->close;

# --- retrying
($task, $listener) = follow('chat', '[[tag:retry]] [[mock: status=500,times=1]]');
@events = $listener->events;
is(scalar(grep { $_->{event} eq 'retrying' } @events), 1, 'a retry is told');
is($events[-1]{attempt}, 2, 'the second attempt ends it');
is_gapless('retry', grep { $_->{attempt} > 0 } @events);

# --- failed, cancelled
($task, $listener) = follow('chat', '[[mock: status=400]]');
is(($listener->events)[-1]{event}, 'failed', 'a failure is told');
$task = $node->submit('chat', { query => '[[mock: hang]]' });
$listener = $node->listen(sql("SELECT capeai_channel('$task')"));
$node->wait_status($task, 'running');
sql("SELECT capeai_cancel_task('$task')");
ok($listener->wait_for_end, 'a cancelled task tells its end');
is(($listener->events)[-1]{event}, 'cancelled', 'as cancelled');
$listener->close;

# --- deltas: long, outside ASCII, cut anywhere by the network
my $text = "Gr\x{fc}\x{df}e \x{2603} und \x{1F600} " x 400;
utf8::encode($text);
my $encoded = $text =~ s/([^A-Za-z0-9])/sprintf('%%%02X', ord $1)/ger;
$mock->default("text=$encoded,chunk=700,split=97,delay=5");
($task, $listener) = follow('chat', 'Tell me much', stream => 'true');
@events = $listener->events;
my $streamed = join('', map { $_->{text} } grep { $_->{event} eq 'delta' } @events);
utf8::encode($streamed) if utf8::is_utf8($streamed);
is($streamed, sql("SELECT output_data ->> 'raw_text' FROM capeai.runs WHERE task_id = '$task' AND step_name = 'generate_response'"),
	'the deltas together are raw_text');
is(length($streamed), length($text), 'and all of the answer');
is_gapless('deltas', grep { $_->{attempt} > 0 } @events);
is(scalar(grep { length($_) >= 8000 } $listener->payloads), 0, 'every payload is below 8000 bytes');

$node->finish;
done_testing();
