# The Guide's own suite: its cases over this project's documentation, replayed from what is recorded and, without a
# model, as extracts of what the documentation says now.
use strict;
use warnings;

use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = File::Temp::tempdir('capeai-XXXXXX', TMPDIR => 1, CLEANUP => 1);
$ENV{CAPEAI_DEMO_FOLDER} = "$folder/demo";
delete @ENV{qw(OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL MODE CAPEAI_AGENTS)};

# The report of a check in that mode, which must be in order and have that many cases at least.
sub check
{
	my ($agent, $mode, $cases) = @_;
	local $ENV{MODE} = $mode;
	IPC::Run::run([ 'tools/agent', 'check', $agent ], '<', \undef, '>', \my $report, '2>&1');
	ok($? == 0, "$agent, $mode: every case passes") || diag(join("\n", grep { !/^  pass/ } split /\n/, $report));
	my ($passed, $stale) = $report =~ /^(\d+) passed, 0 failed, (\d+) stale; 0 tokens/m;
	cmp_ok($passed // 0, '>=', $cases, "$agent, $mode: $cases cases or more, and no tokens");
	note("$stale recordings are stale: make agent-record NAME=$agent") if $stale;
	return $report;
}

like(check('cape-ai-guide', 'replay', 40), qr/replay, answered by stand-in$/m, 'by a recorded model');
like(check('cape-ai-guide', 'live', 40), qr/live, answered by capeai-extractive$/m, 'by none');

IPC::Run::run([ 'tools/demo', 'stop' ], '>', '/dev/null');
done_testing();
