# Malformed calls of everything there is: each gives a right answer or a proper SQLSTATE, leaves nothing behind
# and the session alive. CAPEAI_TEST_SEED repeats a run; `make test-long` makes ten times as many, in all encodings.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::BadCalls;
use CapeAI::Mock;
use CapeAI::Cluster;

my $long = $ENV{CAPEAI_TEST_LONG};
my $seed = $ENV{CAPEAI_TEST_SEED} // int(rand(1_000_000));
diag("CAPEAI_TEST_SEED=$seed");

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_attempts = 1\n");

# What may come: the states in docs/errors.md, and no others.
my %documented = map { $_ => 1 } slurp_file('docs/errors.md') =~ /\b([0-9][0-9A-Z]{4}|CA[0-9]{3})\b/g;
delete $documented{XX000};
# Those with which a call may fail after its task was recorded: it is the model, or time, that failed.
my $later = qr/^(57014|08006|53400|CA\d{3})$/;

# A directory that is no pleasure to load.
my $hostile = $node->basedir . '/hostile';
mkdir $_ for $hostile, "$hostile/\xff\xfe", "$hostile/deep";
append_to_file("$hostile/$_->[0]", $_->[1])
  for [ 'empty.md', '' ], [ "bytes-\xe9.md", "\xff\xfe\x00\x01" x 100 ], [ 'nul.html', "a\0b" ], [ 'nested.html', '<div>' x 20000 ], [ 'deep/ok.txt', 'fine' ];
symlink('/etc/passwd', "$hostile/link.md");
system('mkfifo', "$hostile/pipe.md") == 0 or die 'mkfifo';

sub check
{
	my ($dbname, $count, $where) = @_;
	my @tasks = map { "'$_'" } split /\n/, $node->safe_psql($dbname, <<'SQL');
SELECT capeai_submit_task('chat', '{"query": "over"}');
SELECT capeai_submit_task('chat', '{"query": "later"}', run_at => now() + '100 years');
SELECT capeai_submit_task('chat', '{"query": "blocked"}', depends_on => (SELECT array_agg(id) FROM capeai.tasks));
SQL
	my $bad = CapeAI::BadCalls->new($node, $dbname, seed => $seed, known => { uuid => \@tasks, path => [$hostile] });
	$bad->sql('SELECT bad_call.settle()');
	my $worker = $node->worker_pid($dbname);
	my @random = $bad->run($count);
	my @large = $dbname eq 'postgres' ? $bad->run_large($long ? 1_000_000_000 : 150_000_000) : ();
	cmp_ok($bad->{peak_kilobytes}, '<', 120_000, "$where: large values are refused unread") if @large;
	my %seen;
	$seen{ $_->{sqlstate} }++ for @random, @large;
	note("$where: " . join(' ', map { "$_:$seen{$_}" } sort keys %seen));
	cmp_ok(scalar(@random), '>=', $count, "$where: $count calls");
	cmp_ok(($seen{'00000'} // 0), '>', $count / 20, "$where: some of them right");
	report("$where: no state that is not documented", grep { $_->{sqlstate} ne '00000' && !$documented{ $_->{sqlstate} } && $_->{sqlstate} !~ /^CA\d{3}$/ } @random, @large);
	report("$where: nothing written by a call that failed", grep { $_->{wrote} && $_->{sqlstate} !~ $later } @random, @large);
	report("$where: what is too large is refused", grep { $_->{sqlstate} =~ /^(57014|lost|53200)$/ } @large);
	is($node->worker_pid($dbname), $worker, "$where: the worker is the one it was");
	$bad->sql('SELECT bad_call.settle()');
	is($bad->sql("SELECT count(*) FROM capeai.tasks WHERE error_code IN ('internal_error', 'worker_crashed', 'result_not_stored')"), 0,
		"$where: what was accepted did not trouble the worker");
	return;
}

sub report
{
	my ($name, @wrong) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(@wrong), 0, $name) or diag(join "\n", map { substr("$_->{sqlstate} $_->{call}", 0, 600) . "\n  " . substr($_->{message}, 0, 400) } @wrong[ 0 .. ($#wrong > 14 ? 14 : $#wrong) ]);
	return;
}

# MULE_INTERNAL has no conversion to UTF-8, so that nothing could be sent from there.
my @encodings = $long ? split(/\n/, $node->safe_psql('postgres', q{SELECT pg_encoding_to_char(i) FROM generate_series(0, 34) AS i WHERE pg_encoding_to_char(i) NOT IN ('UTF8', 'MULE_INTERNAL')})) : qw(SQL_ASCII LATIN1);
check('postgres', $long ? 8000 : 700, 'UTF8');
for my $encoding (@encodings)
{
	my $dbname = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $dbname TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql($dbname, 'CREATE EXTENSION capeai');
	$node->wait_for_worker($dbname);
	check($dbname, 150, $encoding);
	$node->safe_psql('postgres', "DROP DATABASE $dbname");
}

$node->finish;
done_testing();
