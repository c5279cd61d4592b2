# The agents that are here, by their own suites: replayed from what is recorded and, without a model, as extracts of
# what the documents say now. The Guide's is over this project's documentation. And whose eyes sql-helper sees with.
use strict;
use warnings;

use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = File::Temp::tempdir('capeai-XXXXXX', TMPDIR => 1, CLEANUP => 1);
$ENV{CAPEAI_DEMO_FOLDER} = "$folder/demo";
delete @ENV{qw(OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL MODE CAPEAI_AGENTS)};

# The report of a check in that mode, in which so many cases pass at least, and at most so many fail: extracts follow the
# documentation as it is written today, and a sentence elsewhere is no fault of the Guide's.
sub check
{
	my ($agent, $mode, $least, $failing) = @_;
	local $ENV{MODE} = $mode;
	IPC::Run::run([ 'tools/agent', 'check', $agent ], '<', \undef, '>', \my $report, '2>&1');
	my ($passed, $failed, $stale) = $report =~ /^(\d+) passed, (\d+) failed, (\d+) stale; 0 tokens/m;
	ok(defined $passed && $passed >= $least && $failed <= ($failing // 0), "$agent, $mode: " . ($passed // 'no') . ' cases pass')
	  || diag(join("\n", grep { !/^  pass/ } split /\n/, $report));
	note("$stale recordings are stale: make agent-record NAME=$agent") if $stale;
	return $report;
}

like(check('cape-ai-guide', 'replay', 40), qr/replay, answered by stand-in$/m, 'by a recorded model');
like(check('cape-ai-guide', 'live', 45, 5), qr/live, answered by capeai-extractive$/m, 'by none');

like(check($_->[0], 'replay', $_->[1]), qr/, 0 stale;/, "$_->[0]: nothing is stale") for [ 'sql-helper', 9 ], [ 'domain-specialist', 11 ];
check('sql-helper', 'live', 9);
check('domain-specialist', 'live', 11);

# --- sql-helper sees what its caller may see
IPC::Run::run([ 'tools/agent', 'publish', 'sql-helper' ], '<', \undef, '>', \my $published, '2>&1');
my ($psql, $socket, $port) = $published =~ /Ask it:  (\S+psql) -h (\S+) -p (\d+)/ or diag($published);
sub sql
{
	my ($role, $query) = @_;
	IPC::Run::run([ $psql, '-XAt', '-h', $socket, '-p', $port, '-U', $role, '-d', 'capeai_demo', '-c', "\\set VERBOSITY verbose", '-c', $query ],
		'<', \undef, '>', \my $out, '2>&1');
	chomp $out;
	return $out;
}
my $tables = "SELECT string_agg(title, ',' ORDER BY title) FROM sql_helper.search('salaries of employees, orders of customers', '{\"schema\": \"sql_helper_shop\"}')";
is(sql('author', $tables), 'sql_helper_shop.cards,sql_helper_shop.customers,sql_helper_shop.orders,sql_helper_shop.revenue_by_month', 'its author: all but the salaries');
is(sql('demo', $tables), '', 'a stranger: nothing');
sql('author', 'GRANT USAGE ON SCHEMA sql_helper_shop TO demo; GRANT SELECT ON sql_helper_shop.customers TO demo');
is(sql('demo', $tables), 'sql_helper_shop.customers', 'a role that may read one table: that one');
like(sql('author', "SET capeai.model = 'capeai-extractive'; SELECT capeai_ask('Where are the orders of customers?', agent => 'sql-helper')"),
	qr/sql_helper_shop\.orders/, 'an ask is answered as its caller');
like(sql('postgres', "SELECT capeai_ask('Where are the orders of customers?', agent => 'sql-helper')"), qr/ERROR:  42501: knowledge functions do not run for superusers/,
	'and never as a superuser');

IPC::Run::run([ 'tools/demo', 'stop' ], '>', '/dev/null');
done_testing();
