# Agents as folders: from nothing to a published agent with tools/agent, as docs/agents.md tells it, on a demo
# server of the test's own.
use strict;
use warnings;

use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;

my $mock = CapeAI::Mock->new;
my $folder = File::Temp::tempdir('capeai-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $agents = "$folder/agents";
$ENV{CAPEAI_DEMO_FOLDER} = "$folder/demo";
$ENV{CAPEAI_AGENTS} = $agents;
delete @ENV{qw(OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL MODE)};

# The exit code, and standard output and error together.
sub agent
{
	my @arguments = @_;
	my $out = '';
	IPC::Run::run([ 'tools/agent', @arguments ], '<', \undef, '>', \$out, '2>&1');
	return ($? >> 8, $out);
}
sub change
{
	my ($file, $from, $to) = @_;
	my $text = slurp_file("$agents/helper/$file");
	$text =~ s/$from/$to/ or die "no $from in $file";
	open(my $out, '>', "$agents/helper/$file") or die "$file: $!";
	print $out $text;
	close($out);
	return;
}

# --- from an empty folder to an agent that passes its tests
my ($code, $out) = agent('new', 'helper');
is($code, 0, 'make agent') || diag($out);
($code, $out) = agent('new', 'helper');
is($code, 1, 'not over one that is there');
is((agent('new', $_))[0], 1, "not by the name \"$_\"") for '', 'Bad Name', '../up', '-x';
($code, $out) = agent('check', 'helper');
is($code, 0, 'make agent-check: it works as it is') || diag($out);
like($out, qr/helper 0\.1\.0, live, answered by capeai-extractive\n(  pass .*\n){3}3 passed, 0 failed, 0 stale; 0 tokens, cost 0\.0+, \d+ ms/,
	'three cases, without a model');

# --- faults have a file and a line
change('manifest.json', '"passages": 4', '"passages": 400');
change('prompts/system.md', 'user_level', 'user_lvl');
change('tests.json', '"format": "steps"', '"format": "song"');
($code, $out) = agent('check', 'helper');
is($code, 1, 'a manifest with faults');
like($out, qr{helper/manifest\.json:42: /knowledge/passages: must be at most 50\n}, 'in manifest.json');
like($out, qr{helper/tests\.json:10: /tests/1/expect/format: must be one of}, 'in tests.json');
like($out, qr{helper/prompts/system\.md:1: /prompts/system: \{\{user_lvl\}\} is neither}, 'in a prompt');
change('manifest.json', '"passages": 400', '"passages": 4');
change('prompts/system.md', 'user_lvl', 'user_level');
change('tests.json', '"format": "song"', '"format": "steps"');
change('tests.json', '"input": \{"query": "When', '"input" {"query": "When');
($code, $out) = agent('check', 'helper');
is($code, 1, 'no JSON');
like($out, qr{helper/tests\.json:4: }, 'says in which line');
change('tests.json', '"input" \{"query": "When', '"input": {"query": "When');

# --- a case that fails says why
change('tests.json', '18:30', '19:30');
($code, $out) = agent('check', 'helper');
is($code, 1, 'a case that fails');
like($out, qr/FAIL   knows the opening hours \(\d+ ms\)\n +contains: "19:30" is missing\n.*2 passed, 1 failed/s, 'and why');
($code, $out) = agent('publish', 'helper');
is($code, 1, 'is not published');
change('tests.json', '19:30', '18:30');

# --- recorded with a model, replayed without
{
	local @ENV{qw(OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL)} = ($mock->key, $mock->base_url, 'mock');
	($code, $out) = agent('record', 'helper');
	like($out, qr/record, answered by mock.*recorded in/s, 'make agent-record') || diag($out);
	cmp_ok($mock->report(0)->{requests}, '>=', 2, 'asks the model');
}
$mock->stop;
($code, $out) = agent('check', 'helper');
like($out, qr/replay, answered by mock.*; 0 tokens/s, 'make agent-check replays, without a model');
unlike($out, qr{^  stale}m, 'nothing is stale');
change('prompts/system.md', 'You answer', 'You always answer');
($code, $out) = agent('check', 'helper');
like($out, qr/the prompt is another than when it was recorded/, 'until the prompt changes');
unlink("$agents/helper/recordings.jsonl");

# --- make agent-dev checks again at every change
my ($dev_out, $patience) = ('', IPC::Run::timer(60));
my $dev = IPC::Run::start([ 'tools/agent', 'dev', 'helper' ], '<', \undef, '>', \$dev_out, '2>&1', $patience);
sub wait_for
{
	my ($pattern) = @_;
	$patience->start(60);
	$dev->pump until $dev_out =~ $pattern || $patience->is_expired;
	return $dev_out =~ $pattern;
}
ok(wait_for(qr/3 passed.*waiting for changes/s), 'make agent-dev checks');
change('knowledge/opening-hours.md', '18:30', '17:00');
ok(wait_for(qr/3 passed.*FAIL   knows the opening hours.*waiting/s), 'and again when a document changed');
change('knowledge/opening-hours.md', '17:00', '18:30');
ok(wait_for(qr/FAIL.*3 passed.*waiting/s), 'and again');
$dev->signal('TERM');
$dev->finish;

# --- published, and used
($code, $out) = agent('publish', 'helper');
like($out, qr/published helper 0\.1\.0\nAsk it:  (\S+psql -h \S+ -p \d+ -U author \w+) /, 'make agent-publish');
my ($psql) = $out =~ /Ask it:  (\S+psql -h \S+ -p \d+ -U author \w+) /;
like(`$psql -XAt -c "SELECT capeai_ask('When is the shop open on weekdays?', agent => 'helper')"`, qr/18:30/, 'and asked');
change('prompts/system.md', 'You always answer', 'You answer');
($code, $out) = agent('check', 'helper');
is($code, 1, 'what was published is not changed');
like($out, qr/version 0\.1\.0 of agent "helper" exists with other content/, 'and it says so');
change('manifest.json', '0\.1\.0', '0.2.0');
is((agent('check'))[0], 0, 'make agents: all there are');

IPC::Run::run([ 'tools/demo', 'stop' ], '>', '/dev/null');
ok(!-e "$folder/demo", 'the server is gone');
done_testing();
