# More databases than workers: each has its turn, and the first claim within a minute. What nobody announced
# is found.
# alone: fifty databases.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $count = $ENV{CAPEAI_TEST_LONG} ? 50 : 8;
my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => <<'CONF');
capeai.max_workers = 4
max_worker_processes = 8
CONF

sub in { my ($dbname, $sql) = @_; return $node->safe_psql($dbname, $sql); }

# --- CREATE EXTENSION in a prepared transaction: nobody says that it was committed
in('postgres', 'CREATE DATABASE quiet');
in('quiet', "BEGIN; CREATE EXTENSION capeai; PREPARE TRANSACTION 'extension'");
in('quiet', "COMMIT PREPARED 'extension'");
my $start = time();
ok($node->wait_for_worker('quiet'), 'a database that got the extension unannounced has a worker');
note(sprintf 'found after %.1f s', time() - $start);
cmp_ok(time() - $start, '<', 60, 'soon');
in('postgres', 'DROP DATABASE quiet');

# --- many databases
in('postgres', 'CREATE DATABASE origin');
in('origin', 'CREATE EXTENSION capeai');
my @databases = map { "many$_" } 1 .. $count;
for my $dbname (@databases)
{
	in('postgres', "CREATE DATABASE $dbname");
	in($dbname, 'CREATE EXTENSION capeai');
}
in('postgres', 'DROP DATABASE origin');
$start = time();
in($_, q{SET client_min_messages = error; SELECT capeai_submit_task('chat', '{"query": "Who is next?"}')}) for @databases;
my %first;
ok($node->wait_until(sub {
	for my $dbname (grep { !$first{$_} } @databases)
	{
		$first{$dbname} = time() - $start if in($dbname, "SELECT count(*) FROM capeai.tasks WHERE status = 'succeeded'") == 1;
	}
	return keys %first == @databases;
}, 300), "each of $count databases has its task done");
my ($longest) = sort { $b <=> $a } values %first;
note(sprintf '%d databases, 4 workers: the last has its first task done after %.1f s', $count, $longest // -1);
cmp_ok($longest, '<', 60, 'within a minute');
cmp_ok(in('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'capeai worker'"), '<=', 4, 'with four workers at most');
like(in('postgres', "SELECT detail ->> 'databases_waiting' FROM capeai_health() WHERE component = 'launcher'"), qr/^[1-9]/, 'health says that others wait');

# --- they go on taking turns
in($_, q{SET client_min_messages = error; SELECT capeai_submit_task('chat', '{"query": "And again"}')}) for @databases[0 .. 3];
ok($node->wait_until(sub { !grep { in($_, "SELECT count(*) FROM capeai.tasks WHERE status = 'succeeded'") != 2 } @databases[0 .. 3] }, 120),
	'those that had their turn have another');
my @lines = grep { /capeai/ && !/ (WARNING|HINT|STATEMENT): / } split /\n/, slurp_file($node->logfile);
# Seals are to be in the log: one when something was sealed, one when the worker leaves with it.
my @words = grep { !/audit trail: (?:seal \d+ covers|ends with seal)/ } @lines;
cmp_ok(scalar(@words), '<', 40, 'quietly') or diag(join "\n", @words[0 .. 39]);
cmp_ok(@lines - @words, '<=', 4 * ($count + 4), 'seals apart, of which there are two for each turn of a database');

$node->finish;
done_testing();
