# The judge: compares what the feeders wrote down, what the mock saw and what the database says.
# Every finding is one line of text that names the task.
package CapeAI::Chaos::Verdict;

use strict;
use warnings;

use JSON::PP;

my $json = JSON::PP->new->utf8(0);

# The moves a task may make: event => [status before, status after]; asks retry without leaving 'running'.
my %moves = (
	submitted => { none => 'waiting' }, asked => { none => 'running' }, unblocked => { waiting => 'waiting' },
	started => { waiting => 'running' }, retrying => { running => 'waiting' }, requeued => { running => 'waiting' },
	succeeded => { running => 'succeeded' }, failed => { running => 'failed', waiting => 'failed' },
	cancelled => { running => 'cancelled', waiting => 'cancelled' });
my %silent = map { $_ => 1 } qw(cancel_requested stale_completion);

sub new
{
	my ($class, %params) = @_;    # node, journals (file names), requests (what the mock saw), kills (deaths of processes)
	my $self = bless { %params, findings => [], lines => {}, figures => {} }, $class;
	$self->read_journals;
	$self->read_database;
	return $self;
}

sub findings { return @{ $_[0]{findings} }; }
sub figures { return $_[0]{figures}; }

sub complain
{
	my ($self, $rule, $task, $why) = @_;
	my $row = ref $task ? $json->canonical->encode($task) : $task;
	push @{ $self->{findings} }, "$rule: $why\n    $row";
	return;
}

sub rows
{
	my ($self, $sql) = @_;
	my $out = $self->{node}->safe_psql('postgres', "SELECT row_to_json(r) FROM ($sql) r");
	return map { $json->decode($_) } split /\n/, $out;
}

sub read_journals
{
	my ($self) = @_;
	for my $file (@{ $self->{journals} })
	{
		open(my $in, '<', $file) or die "$file: $!";
		while (my $text = <$in>)
		{
			my $line = JSON::PP->new->decode($text);
			my $known = $self->{lines}{ $line->{tag} } //= {};
			%$known = (%$known, %$line);
		}
	}
	return;
}

sub read_database
{
	my ($self) = @_;
	my @tasks = $self->rows(q{SELECT id, kind, status, attempt, failures, crash_count, max_attempts, error_code, worker,
		substring(input_data ->> 'query' FROM '\[\[tag:([^]]+)') AS tag, wait_reason FROM capeai.tasks});
	$self->{tasks} = { map { $_->{id} => $_ } @tasks };
	push @{ $self->{by_tag}{ $_->{tag} // '' } }, $_ for @tasks;
	push @{ $self->{trail}{ $_->{task_id} } }, $_ for $self->rows(q{SELECT task_id, event_type AS event,
		extract(epoch FROM created_at) AS at, (event_data ->> 'attempt')::int AS attempt, event_data ->> 'blamed' AS blamed, event_data ->> 'error_code' AS code
		FROM capeai.audit_events WHERE task_id IS NOT NULL ORDER BY id});
	push @{ $self->{runs}{ $_->{task_id} }{ $_->{attempt} } }, $_->{status}
	  for $self->rows('SELECT task_id, attempt, status FROM capeai.runs ORDER BY task_id, attempt, step_number');
	return;
}

sub judge
{
	my ($self) = @_;
	$self->judge_submits;
	$self->judge_task($_) for sort { $a->{id} cmp $b->{id} } values %{ $self->{tasks} };
	$self->judge_crashes;
	$self->judge_requests;
	$self->complain('signals', '', 'capeai.task_signals is not empty')
	  if $self->{node}->safe_psql('postgres', 'SELECT count(*) FROM capeai.task_signals') != 0;
	return;
}

# What was said to be there is there once, and what was rolled back is not.
sub judge_submits
{
	my ($self) = @_;
	my $figures = $self->{figures};
	for my $tag (sort keys %{ $self->{lines} })
	{
		my $line = $self->{lines}{$tag};
		my @found = @{ $self->{by_tag}{$tag} // [] };
		my $fate = $line->{fate};
		$figures->{submits}{$fate}++;
		if ($fate eq 'fault') { $self->complain('feeder', $line, 'the feeder failed'); next; }
		$self->complain('submit', $line, 'is there ' . @found . ' times') if @found > 1;
		$self->complain('submit', $line, 'was committed, and is lost') if $fate eq 'committed' && !@found;
		$self->complain('submit', $found[0], 'was rolled back, and is there; its client heard: ' . ($line->{why} // 'ROLLBACK'))
		  if $fate eq 'absent' && @found;
		$self->complain('ask', $found[0] // $line, 'was answered, and is not stored as succeeded')
		  if $fate eq 'answered' && !(@found && $found[0]{status} eq 'succeeded');
		$self->complain('key', $line, 'the same key gave another id') if exists $line->{same_id} && !$line->{same_id};
		$self->judge_cancel($found[0], $line) if @found && $line->{cancel};
	}
	return;
}

# "true" promises an end within 100 ms; on a busy machine, ten times as much. What starts later is a wish lost.
sub judge_cancel
{
	my ($self, $task, $line) = @_;
	$self->complain('cancel', $self->story($task), "started after it was cancelled at $line->{at}")
	  if grep { $_->{event} eq 'started' && $_->{at} > $line->{at} + 1 } @{ $self->{trail}{ $task->{id} } };
	return;
}

sub judge_task
{
	my ($self, $task) = @_;
	$self->{figures}{tasks}{"$task->{kind} $task->{status}"}++;
	my ($state, $attempt) = ('none', 0);
	for my $event (@{ $self->{trail}{ $task->{id} } // [] })
	{
		next if $silent{ $event->{event} };
		my $next = $moves{ $event->{event} }{$state};
		return $self->complain('path', $self->story($task), "$event->{event} in state $state") unless $next;
		my $same_attempt = !defined $event->{attempt} || $event->{attempt} == $attempt;
		$attempt++ if $event->{event} =~ /^(started|asked)$/;
		$same_attempt = $event->{attempt} == $attempt if $event->{event} =~ /^(started|asked)$/;
		return $self->complain('attempt', $self->story($task), "$event->{event} of attempt $event->{attempt}, expected $attempt")
		  unless $same_attempt;
		$self->judge_runs($task, $event);
		if ($event->{event} eq 'retrying' && $task->{kind} eq 'ask') { $next = 'running'; $attempt++; }
		$state = $next;
	}
	$self->complain('end', $self->story($task), "is $task->{status}, its trail says $state") if $state ne $task->{status};
	$self->complain('failures', $task, 'more failures than max_attempts') if $task->{failures} > $task->{max_attempts};
	$self->complain('attempt', $self->story($task), "attempt $task->{attempt}, its trail says $attempt") if $task->{attempt} != $attempt;
	return;
}

# An attempt that ended has its steps; nothing in them is still under way.
sub judge_runs
{
	my ($self, $task, $event) = @_;
	return unless $event->{event} =~ /^(succeeded|retrying)$/;
	my @steps = @{ $self->{runs}{ $task->{id} }{ $event->{attempt} } // [] };
	$self->complain('runs', $self->story($task), "attempt $event->{attempt} has no steps") unless @steps;
	$self->complain('runs', $self->story($task), 'a step is not over') if grep { $_ eq 'running' } @steps;
	$self->complain('runs', $self->story($task), 'succeeded with a failed step') if $event->{event} eq 'succeeded' && grep { $_ ne 'succeeded' } @steps;
	return;
}

sub story
{
	my ($self, $task) = @_;
	return { %$task, trail => [ map { "$_->{event} " . ($_->{attempt} // '') . " at $_->{at}" } @{ $self->{trail}{ $task->{id} } } ],
		requests => [ map { "$_->{status} $_->{idempotency_key}" } @{ $self->{seen}{ $task->{tag} // '' } // [] } ] };
}

# A death has at most one task to blame.
sub judge_crashes
{
	my ($self) = @_;
	my ($count, $blamed) = (0, 0);
	for my $task (values %{ $self->{tasks} })
	{
		$count += $task->{crash_count};
		my $named = grep { $_->{blamed} } @{ $self->{trail}{ $task->{id} } };
		$blamed += $named;
		$self->complain('crash_count', $self->story($task), "blamed $named times") if $named != $task->{crash_count};
		$self->complain('worker_crashed', $self->story($task), 'given up too early')
		  if ($task->{error_code} // '') eq 'worker_crashed' && $task->{crash_count} < $task->{max_attempts};
	}
	$self->{figures}{blamed} = $blamed;
	$self->complain('crash_count', '', "$count blamed, only $self->{kills} processes died") if $count > $self->{kills};
	return;
}

# The mock is the witness: no attempt asked the model twice.
sub judge_requests
{
	my ($self) = @_;
	my %seen;
	for my $request (@{ $self->{requests} })
	{
		next if ($request->{tag} // '') eq '' || ($request->{idempotency_key} // '') !~ /-1$/;
		push @{ $seen{ $request->{tag} } }, $request;
	}
	$self->{seen} = \%seen;
	my ($twice, $requeued) = (0, 0);
	for my $tag (keys %seen)
	{
		my $task = ($self->{by_tag}{$tag} // [])->[0];
		my $line = $self->{lines}{$tag} // {};
		my $asked = @{ $seen{$tag} };
		if (!$task)
		{
			# Only an ask's first row may be lost with the server: it is not waited for.
			$self->complain('request', $line, 'the model was asked for a task that does not exist') unless $line->{ask} && $line->{fate} ne 'answered';
			next;
		}
		$self->complain('request', $self->story($task), "$asked requests in $task->{attempt} attempts") if $asked > $task->{attempt};
		my $retried = grep { $_->{event} eq 'retrying' } @{ $self->{trail}{ $task->{id} } };
		$twice += $asked - 1 - $retried if $asked - 1 > $retried;
	}
	$requeued += grep { $_->{event} eq 'requeued' } @$_ for values %{ $self->{trail} };
	$self->{figures}{requests} = scalar @{ $self->{requests} };
	$self->{figures}{requeued} = $requeued;
	$self->{figures}{duplicate_calls} = $twice;
	$self->complain('duplicates', '', "$twice calls were made again, but only $requeued were in flight when a process ended") if $twice > $requeued;
	return;
}

1;
