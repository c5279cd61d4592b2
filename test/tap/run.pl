# Runs TAP files one after the other and writes `passed failed skipped` to a file,
# so that test/run can add them to its sum. (prove prints no such numbers.)
#
#   perl run.pl PERL-LIBRARY-OF-POSTGRESQL COUNTS-FILE test.t ...
#
# Several at a time, for they wait more than they work; a file with the line
# "# alone: REASON" gets the machine to itself, after the others.
use strict;
use warnings;

use TAP::Harness;

use constant JOBS => 3;

my ($library, $counts_file, @files) = @ARGV;

sub is_alone
{
	my ($file) = @_;
	open(my $in, '<', $file) or die "cannot read $file: $!";
	return scalar(grep { /^# alone: / } <$in>);
}

sub run_files
{
	my ($jobs, @some) = @_;
	return unless @some;
	my $harness = TAP::Harness->new(
		{ lib => [ $library, 'test/tap/lib' ], verbosity => 0, failures => 1, jobs => $jobs });
	return $harness->runtests(@some);
}

my %alone = map { $_ => is_alone($_) } @files;
my @results = (
	run_files(JOBS, grep { !$alone{$_} } @files),
	run_files(1, grep { $alone{$_} } @files));

my ($passed, $failed, $skipped) = (0, 0, 0);
for my $parser (map { my $results = $_; map { $results->parsers($_) } $results->descriptions } @results)
{
	my $skips = scalar($parser->skipped);
	my $bad = scalar($parser->failed);

	# A file that dies, or runs another number of tests than planned, has failed too.
	$bad = 1 if $bad == 0 && ($parser->exit || $parser->wait || scalar($parser->parse_errors));
	$passed += scalar($parser->passed) - $skips;
	$failed += $bad;
	$skipped += $skips + (defined $parser->skip_all ? 1 : 0);
}

open(my $out, '>', $counts_file) or die "cannot write $counts_file: $!";
print $out "$passed $failed $skipped\n";
close($out);
