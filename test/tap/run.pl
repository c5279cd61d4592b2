# Runs TAP files one after the other and writes `passed failed skipped` to a file,
# so that test/run can add them to its sum. (prove prints no such numbers.)
#
#   perl run.pl PERL-LIBRARY-OF-POSTGRESQL COUNTS-FILE test.t ...
#
# One at a time: tests here measure delays, and the machine may be small.
use strict;
use warnings;

use TAP::Harness;

my ($library, $counts_file, @files) = @ARGV;
my $harness = TAP::Harness->new(
	{ lib => [ $library, 'test/tap/lib' ], verbosity => 0, failures => 1 });
my $results = $harness->runtests(@files);

my ($passed, $failed, $skipped) = (0, 0, 0);
for my $file ($results->descriptions)
{
	my ($parser) = $results->parsers($file);
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
