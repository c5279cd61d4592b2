# The faults: each does its harm to a server and its mock, waits until both are there again, and
# returns; the time between is for the tasks. What is random comes from the caller's srand().
#
# They are drawn like cards: no kind comes twice before all have come, but those that hit a process in
# the middle of its work, of which there are two.
package CapeAI::Chaos::Faults;

use strict;
use warnings;

use File::Path qw(rmtree);
use JSON::PP;
use List::Util qw(shuffle);
use Time::HiRes qw(time usleep);

use CapeAI::Mock;

my @twice = qw(kill_worker term_worker kill_helper stop_worker crash_server);
my @kinds = (
	@twice, qw(kill_backend kill_launcher term_helper term_launcher term_backend stop_helper restart_server
	  reload lock_table lock_rows slots_taken log_full mock_down mock_down_long));
# What needs a second server, and time.
my @slow_kinds = qw(promote);

# What the mock does for a while.
my %scripts = (
	mock_reset => 'reset=20', mock_hang => 'hang', mock_429 => 'status=429,retry_after_ms=400',
	mock_429_seconds => 'status=429,retry_after=1', mock_500 => 'status=500',
	mock_garbage => 'status=200,body=garbage', mock_truncate => 'truncate=2', mock_endless => 'endless',
	mock_slow => 'slow_headers=300');

my $usual = 'latency=0,jitter=300';

sub new
{
	my ($class, %params) = @_;    # node, mock; spare: a server not made yet, to fail over to
	my $self = bless { %params, history => [], witnessed => [], deck => [] }, $class;
	$self->{mock}->default($usual);
	return $self;
}

sub history { return @{ $_[0]{history} }; }
sub node { return $_[0]{node}; }
sub spare { return $_[0]{spare}; }

# All kinds of faults that this run may have.
sub kinds { my ($self) = @_; return sort @kinds, sort keys %scripts, $self->{spare} ? @slow_kinds : (); }

# One fault; 0 if its victim is not there just now: then it comes later.
sub strike
{
	my ($self) = @_;
	$self->{deck} = [ shuffle $self->kinds, @twice ] unless @{ $self->{deck} };
	my $kind = shift @{ $self->{deck} };
	my $start = time();
	my $done = $scripts{$kind} ? $self->spoil($scripts{$kind}) : $self->can($kind)->($self);
	unless ($done)
	{
		push @{ $self->{deck} }, $kind if @{ $self->{deck} };
		usleep(20_000);
		return 0;
	}
	$self->wait_for_server;
	push @{ $self->{history} }, { kind => $kind, from => $start, to => time() };
	return 1;
}

# Everything in order again.
sub calm
{
	my ($self) = @_;
	$self->{mock}->default($usual);
	$self->wait_for_server;
	return;
}

sub wait_for_server
{
	my ($self) = @_;
	my $node = $self->{node};
	for (1 .. 300)
	{
		my ($status) = $node->psql('postgres', 'SELECT 1', timeout => 20, timed_out => \my $late);
		return if defined $status && $status == 0;
		usleep(100_000);
	}
	die "the server does not come back:\n" . `tail -n 40 '@{[ $node->logfile ]}'`;
}

# --- processes

# The processes of the server whose title contains the words.
sub pids
{
	my ($self, $words) = @_;
	open(my $file, '<', $self->{node}->data_dir . '/postmaster.pid') or return;
	chomp(my $postmaster = <$file>);
	my @found;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open(my $in, '<', $stat) or next;
		my ($pid, $parent) = (<$in> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;
		next if $parent != $postmaster;
		open(my $title, '<', "/proc/$pid/cmdline") or next;
		push @found, $pid if (<$title> // '') =~ $words;
	}
	return @found;
}

sub signal
{
	my ($self, $signal, $words) = @_;
	my @pids = $self->pids($words);
	return 0 unless @pids;
	my $pid = $pids[ rand @pids ];
	$self->{node}->expect_signal(9) if $signal eq 'KILL';
	return 0 unless kill $signal, $pid;
	for (1 .. 500)
	{
		last unless kill 0, $pid;
		usleep(20_000);
	}
	return 1;
}

my ($worker, $helper, $launcher, $backend) =
  (qr/capeai worker/, qr/capeai helper/, qr/capeai launcher/, qr/postgres postgres \[local\]/);

sub kill_worker { return $_[0]->signal('KILL', $worker); }
sub kill_helper { return $_[0]->signal('KILL', $helper); }
sub kill_launcher { return $_[0]->signal('KILL', $launcher); }
sub kill_backend { return $_[0]->signal('KILL', $backend); }
sub term_worker { return $_[0]->signal('TERM', $worker); }
sub term_helper { return $_[0]->signal('TERM', $helper); }
sub term_launcher { return $_[0]->signal('TERM', $launcher); }
sub term_backend { return $_[0]->signal('TERM', $backend); }

sub stop_worker { return $_[0]->pause($worker); }
sub stop_helper { return $_[0]->pause($helper); }

sub pause
{
	my ($self, $words) = @_;
	my ($pid) = $self->pids($words);
	return 0 unless $pid && kill 'STOP', $pid;
	usleep(300_000 + rand 1_500_000);
	kill 'CONT', $pid;
	return 1;
}

# --- the server

sub crash_server { my ($self) = @_; $self->{node}->stop('immediate'); $self->{node}->start; return 1; }
sub restart_server { my ($self) = @_; $self->{node}->stop('fast'); $self->{node}->start; return 1; }

# Whatever the server logs finds no room.
sub log_full
{
	my ($self) = @_;
	my $node = $self->{node};
	$node->stop('fast');
	{
		local $node->{_logfile} = '/dev/full';
		$node->start;
	}
	$self->wait_for_server;
	usleep(500_000 + rand 1_500_000);
	return $self->restart_server;
}

# A synchronous standby is made, takes over when the server dies, and the load with it. The next time they
# change places again.
sub promote
{
	my ($self) = @_;
	my ($old, $new) = @$self{qw(node spare)};
	rmtree($new->data_dir);
	rmtree($old->backup_dir . '/chaos');
	$old->backup('chaos');
	$new->init_from_backup($old, 'chaos', has_streaming => 1);
	$new->start;
	$old->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = '*'});
	$old->reload;
	$old->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'})
	  or die 'the standby does not become synchronous';
	usleep(500_000 + rand 1_500_000);
	$old->stop('immediate');
	$new->promote;
	@$self{qw(node spare)} = ($new, $old);
	return 1;
}

sub reload { my ($self) = @_; $self->{node}->reload; return 1; }

sub hold
{
	my ($self, $sql) = @_;
	my $session = CapeAI::Chaos::Session->open($self->{node}->connstr('postgres'));
	$session->run("SET lock_timeout = '3 s'; BEGIN; $sql", 10);
	usleep(300_000 + rand 1_200_000);
	$session->run('ROLLBACK', 10);
	$session->close;
	return 1;
}

sub lock_table { return $_[0]->hold('LOCK TABLE capeai.tasks;'); }
sub lock_rows { return $_[0]->hold("SELECT count(*) FROM (SELECT FROM capeai.tasks WHERE status IN ('queued', 'running') ORDER BY random() LIMIT 20 FOR UPDATE) t;"); }

# Parallel queries take the background workers; then worker and helper have to start.
sub slots_taken
{
	my ($self) = @_;
	my @sessions = map { CapeAI::Chaos::Session->open($self->{node}->connstr('postgres')) } 1 .. 3;
	syswrite($_->{in}, "SET max_parallel_workers_per_gather = 8; SET max_parallel_workers = 15; SET parallel_setup_cost = 0;"
		  . " SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
		  . " SELECT count(pg_sleep(0.02)) FROM padding;\n") for @sessions;
	usleep(200_000);
	$self->signal('TERM', $worker);
	usleep(500_000 + rand 1_000_000);
	$_->run('SELECT 1', 30) for @sessions;
	$_->close for @sessions;
	return 1;
}

# --- the provider

sub spoil
{
	my ($self, $script) = @_;
	$self->{mock}->default("$usual,$script");
	usleep(300_000 + rand 1_500_000);
	$self->{mock}->default($usual);
	return 1;
}

sub mock_down { my ($self) = @_; return $self->take_mock_away(0.3 + rand 1.2); }
sub mock_down_long { my ($self) = @_; return $self->take_mock_away(3 + rand 2); }

sub take_mock_away
{
	my ($self, $seconds) = @_;
	my $port = $self->{mock}->port;
	$self->witness;
	$self->{mock}->stop;
	usleep(1e6 * $seconds);
	$self->{mock} = CapeAI::Mock->new('--port', $port, '--keep', 200000, '--bodies', 0);
	$self->{mock}->default($usual);
	return 1;
}

# Takes over what the mock saw; it forgets with its process.
sub witness
{
	my ($self) = @_;
	push @{ $self->{witnessed} }, @{ $self->{mock}->request(GET => '/_mock/requests?limit=200000')->{json} // [] };
	return;
}

sub requests { return @{ $_[0]{witnessed} }; }

1;
