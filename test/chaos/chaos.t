# Faults at random under load, then every promise about tasks is checked: nothing lost, nothing done
# twice, one legal path for each task. `make chaos SECONDS=120 SEED=7` runs it for longer, with failovers.
# The seed repeats the order of the faults, not their timing.
# alone: it measures recoveries.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time usleep);

use CapeAI::Mock;
use CapeAI::Cluster;
use lib 'test/chaos/lib';
use CapeAI::Chaos::Faults;
use CapeAI::Chaos::Feeder;
use CapeAI::Chaos::Session;
use CapeAI::Chaos::Verdict;

my $seconds = $ENV{CAPEAI_CHAOS_SECONDS} || 15;
my $seed = $ENV{CAPEAI_CHAOS_SEED} || int(rand 1_000_000);
my $settle = 60;
my $say = $ENV{CAPEAI_CHAOS_SECONDS} ? \&diag : \&note;
srand($seed);
$say->("chaos: $seconds s, seed $seed");

my $mock = CapeAI::Mock->new('--keep', 200000, '--bodies', 0);
my $node = CapeAI::Cluster->start_new('main', mock => $mock, streaming => 1, conf => <<'CONF');
capeai.request_timeout = 2s
capeai.fallback_interval = 1s
max_prepared_transactions = 50
CONF
$node->safe_psql('postgres', <<'SQL');
SELECT capeai_add_document('Backup ' || i, 'To make a backup of your data, open Settings and choose Backup. Number ' || i)
FROM generate_series(1, 20) i;
CREATE TABLE padding AS SELECT repeat('x', 900) FROM generate_series(1, 3000);
SQL

# Failing over takes its time: not in the short form.
my $spare = $seconds >= 60 ? CapeAI::Cluster->new('spare') : undef;
my @servers = ($node, $spare // ());
my $connstr = sprintf('host=%s port=%s dbname=postgres target_session_attrs=read-write application_name=feeder',
	join(',', map { $_->host } @servers), join(',', map { $_->port } @servers));

# --- load
my $folder = PostgreSQL::Test::Utils::tempdir();
my (@feeders, @journals);
for my $name (qw(a b c asker))
{
	push @journals, "$folder/$name";
	push @feeders, CapeAI::Chaos::Feeder->start(name => $name, seed => $seed * 10 + @feeders, journal => $journals[-1],
		connstr => $connstr, asks => $name eq 'asker');
}

# --- faults
my $faults = CapeAI::Chaos::Faults->new(node => $node, spare => $spare, mock => $mock);
undef $mock;    # $faults replaces it
my $end = time() + $seconds;
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM capeai.tasks WHERE status = 'succeeded'") or die 'nothing runs';
while (time() < $end)
{
	usleep(200_000 + rand 1_000_000) if $faults->strike;
}
$faults->calm;
kill 'TERM', @feeders;
waitpid($_, 0) for @feeders;
$node = $faults->node;

# --- calm: what was prepared is committed, and everything comes to its end
my %asked;
for my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'))
{
	$node->safe_psql('postgres', "COMMIT PREPARED '$gid'");
	$asked{$gid} = 1;
}
my $calm = time();
my $left = -1;
my $settled = $node->wait_until(sub {
	my ($status, $out) = $node->psql('postgres', "SELECT (SELECT count(*) FROM capeai.tasks WHERE status IN ('queued', 'blocked', 'running')), (SELECT count(*) FROM capeai.task_signals)");
	$left = $out;
	return $status == 0 && $out eq '0|0' || (usleep(200_000), 0)[1];
}, $settle);
my $settled_after = time() - $calm;
ok($settled, 'everything settles') || diag("queued, blocked or running|signals: $left\n" . $node->health
	  . $node->safe_psql('postgres', "SELECT id, kind, status, attempt, run_at - now(), wait_reason, model FROM capeai.tasks WHERE status IN ('queued', 'blocked', 'running') LIMIT 10"));

# --- verdict
$faults->witness;
my @history = $faults->history;
my %by_kind = map { $_ => 0 } $faults->kinds;
$by_kind{ $_->{kind} }++ for @history;
my $kills = 0;
$kills += $by_kind{$_} // 0 for qw(kill_worker kill_helper kill_launcher kill_backend crash_server promote);
my $verdict = CapeAI::Chaos::Verdict->new(node => $node, journals => \@journals, requests => [ $faults->requests ], kills => $kills);
for my $line (grep { $_->{prepared} } values %{ $verdict->{lines} })
{
	# Whoever was not heard of any more: still there until now, or ended as asked.
	if ($asked{ $line->{tag} }) { $line->{fate} = 'committed'; }
	elsif ($line->{fate} eq 'prepared') { $line->{fate} = !$line->{asked} ? 'committed' : $line->{asked} eq 'COMMIT' ? 'committed' : 'absent'; }
}
$verdict->judge;
my @findings = $verdict->findings;
is(scalar @findings, 0, 'no promise is broken')
  || diag("seed $seed\n" . join("\n", @findings > 30 ? (@findings[ 0 .. 29 ], '…') : @findings));
ok($verdict->figures->{tasks}{'queued succeeded'}, 'tasks were done meanwhile');

# --- figures
my @useful = sort { $a <=> $b } map { $_->{finished_us} / 1e6 } grep { $_->{status} == 200 && $_->{tag} ne '' } $faults->requests;
my ($longest, $by) = (0, 'none');
for my $fault (@history)
{
	my ($next) = grep { $_ > $fault->{to} } @useful;
	next unless defined $next;
	($longest, $by) = ($next - $fault->{to}, $fault->{kind}) if $next - $fault->{to} > $longest;
}
sub list { my ($h) = @_; return join(', ', map { "$_ $h->{$_}" } sort keys %$h); }
my $figures = $verdict->figures;
my $prepared = grep { $_->{prepared} } values %{ $verdict->{lines} };
my $text = "chaos: $seconds s, seed $seed: " . @history . ' faults, ' . @findings . " violations\n"
  . '  faults: ' . list(\%by_kind) . "\n  submits: " . list($figures->{submits}) . ", in prepared transactions $prepared"
  . "\n  tasks: " . list($figures->{tasks})
  . "\n  requests $figures->{requests}, requeued $figures->{requeued}, called again $figures->{duplicate_calls}, blamed $figures->{blamed}"
  . sprintf("\n  settled %.1f s after the last fault; longest from the end of a fault to the next answer %.1f s (%s)", $settled_after, $longest, $by);
$say->($text);
$node->finish;
is($faults->spare->log_faults, '', 'nor in the log of the other server') if $by_kind{promote};
done_testing();
