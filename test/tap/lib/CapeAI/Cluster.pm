# A private PostgreSQL server with capeai in it, for TAP tests.
#
#   my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_in_flight = 5");
#   my $task = $node->submit('chat', { query => 'Hello' });       # uuid
#   is($node->wait_task($task), 'succeeded');
#   $node->finish;       # stops it, and fails the test if its log shows a crash nobody declared
#
# Everything of PostgreSQL::Test::Cluster works on it too.
package CapeAI::Cluster;

use strict;
use warnings;
use parent -norequire, 'PostgreSQL::Test::Cluster';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use CapeAI::Listener;

my $json = JSON::PP->new->utf8(0)->canonical->allow_nonref;

# Creates and starts a server that preloads capeai, creates the extension in
# database postgres (unless extension => 0) and waits for its worker.
# mock: base_url and key point to it. conf: more lines of postgresql.conf.
# streaming => 1: can feed a standby.
sub start_new
{
	my ($class, $name, %params) = @_;
	my $node = $class->new($name);
	$node->init(allows_streaming => $params{streaming} ? 1 : 0);
	my $conf = <<'CONF';
restart_after_crash = on
log_statement = none
max_connections = 100
shared_buffers = 64MB
max_worker_processes = 15
max_prepared_transactions = 10
shared_preload_libraries = 'capeai'
CONF
	if (my $mock = $params{mock})
	{
		$conf .= "capeai.base_url = '" . $mock->base_url . "'\ncapeai.api_key = '" . $mock->key . "'\ncapeai.model = 'mock'\n";
	}
	$node->append_conf('postgresql.conf', $conf . ($params{conf} // ''));
	$node->start;
	return $node if exists $params{extension} && !$params{extension};
	$node->safe_psql('postgres', 'CREATE EXTENSION capeai');
	$node->wait_for_worker;
	return $node;
}

# Signals that the test sends to server processes itself: that many more lines of
# "terminated by signal N" are no fault.
sub expect_signal
{
	my ($self, $signal, $count) = @_;
	$self->{capeai_expected}{$signal} += $count // 1;
	return;
}

# Waits until the worker of that database says it is ok.
sub wait_for_worker
{
	my ($self, $dbname) = @_;
	$dbname //= 'postgres';
	return $self->poll_query_until($dbname,
		"SELECT count(*) > 0 FROM capeai_health() WHERE component = 'worker' AND status = 'ok'")
	  || die "no worker for database $dbname: " . $self->health($dbname);
}

# The health report as text, for messages.
sub health
{
	my ($self, $dbname) = @_;
	my ($status, $out, $err) = $self->psql($dbname // 'postgres', 'SELECT * FROM capeai_health()');
	return $out . $err;
}

sub worker_pid
{
	my ($self, $dbname) = @_;
	$dbname //= 'postgres';
	return $self->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'capeai worker' AND datname = '$dbname'");
}

sub quote
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

# capeai_submit_task($agent, $input, name => value, …); values are quoted. The task's id.
sub submit
{
	my ($self, $agent, $input, %arguments) = @_;
	my $sql = 'SELECT capeai_submit_task(' . quote($agent) . ', ' . quote($json->encode($input));
	$sql .= ", $_ => " . quote($arguments{$_}) for sort keys %arguments;
	return $self->safe_psql('postgres', "$sql)");
}

# Waits (at most $timeout seconds) until the task is terminal; its status.
sub wait_task
{
	my ($self, $task, $timeout) = @_;
	$timeout //= 60;
	return $self->safe_psql('postgres', "SELECT status FROM capeai_wait('$task', '$timeout s')");
}

# A column (or expression over the row) of a task.
sub task
{
	my ($self, $task, $expression) = @_;
	return $self->safe_psql('postgres', "SELECT $expression FROM capeai.tasks WHERE id = '$task'");
}

# Waits until the task has that status.
sub wait_status
{
	my ($self, $task, $status) = @_;
	return $self->poll_query_until('postgres', "SELECT status = '$status' FROM capeai.tasks WHERE id = '$task'");
}

# Waits until no task is queued, blocked or running.
sub wait_idle
{
	my ($self) = @_;
	return $self->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM capeai.tasks WHERE status IN ('queued', 'blocked', 'running')");
}

# Runs SQL that must fail; (sqlstate, message, hint). The message of what did not fail is ''.
sub error_of
{
	my ($self, $sql, %params) = @_;
	my ($status, $out, $err) = $self->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ], %params);
	return ('00000', '', '') if $status == 0 && $err !~ /ERROR:/;
	my ($sqlstate, $message) = $err =~ /ERROR:  ([0-9A-Z]{5}): (.*)/;
	my ($hint) = $err =~ /HINT:  (.*)/;
	return ($sqlstate // '?', $message // $err, $hint // '');
}

# The SQL fails with that SQLSTATE; prints what came otherwise.
sub fails_with
{
	my ($self, $sqlstate, $sql, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($got, $message) = $self->error_of($sql, %params);
	return is($got, $sqlstate, "$name: $sqlstate") || diag("got $got: $message");
}

# A session that listens on a channel: see CapeAI::Listener.
sub listen
{
	my ($self, $channel, $dbname) = @_;
	return CapeAI::Listener->new($self->background_psql($dbname // 'postgres'), $channel);
}

# Polls a condition of the test itself (not of the database); false after $timeout seconds.
sub wait_until
{
	my ($self, $condition, $timeout) = @_;
	my $end = time() + ($timeout // 60);
	while (time() < $end)
	{
		return 1 if $condition->();
		usleep(20_000);
	}
	return 0;
}

# Lines of the log that no healthy server writes, as text; '' if there are none.
sub log_faults
{
	my ($self) = @_;
	my %left = %{ $self->{capeai_expected} // {} };
	my @faults;
	for my $line (split /\n/, slurp_file($self->logfile))
	{
		if ($line =~ /was terminated by signal (\d+)/)
		{
			push @faults, $line unless ($left{$1} // 0) > 0 && $left{$1}--;
		}
		elsif ($line =~ /PANIC:|TRAP:|AddressSanitizer|runtime error:|LeakSanitizer|XX000|stuck spinlock/)
		{
			push @faults, $line;
		}
	}
	return join("\n", @faults);
}

# Stops the server in fast mode and checks its log. At most one call.
sub finish
{
	my ($self) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->stop('fast');
	is($self->log_faults, '', $self->name . ': no crash in the server log');
	return;
}

1;
