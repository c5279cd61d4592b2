# Agents' own tests: recorded with a model, replayed without one, and what they mean for publishing.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub as { return $node->connstr('postgres') . ' user=' . $_[0]; }
sub sql { my ($sql, $role) = @_; return $node->safe_psql('postgres', $sql, connstr => as($role // 'anne')); }
sub requests { return $mock->report(0)->{requests}; }

# The agent `helper` with these cases; more members override.
sub create
{
	my ($version, $tests, %more) = @_;
	my $manifest = {
		slug => 'helper', name => 'Helper', version => $version, steps => [ 'retrieve_knowledge', 'generate_response' ],
		knowledge => { collection => 'default', passages => 2 }, model => { temperature => 0.1 },
		prompts => { system => 'Answer.', user => '{{passages}} Question: {{query}}' },
		input_schema => { type => 'object', properties => { query => { type => 'string' } }, required => ['query'],
			additionalProperties => JSON::PP::false },
		output_schema => { type => 'object', properties => { response => { type => 'string' }, citations => { type => 'array', items => { type => 'integer' } } },
			required => [ 'response', 'citations' ], additionalProperties => JSON::PP::false },
		tests => $tests, %more };
	return sql('SELECT capeai_create_agent(' . CapeAI::Cluster::quote(encode_json($manifest)) . ')');
}
sub results
{
	my ($arguments, $role) = @_;
	return sql("SELECT string_agg(case_name || ' ' || passed || coalesce(' (' || stale || ')', '') || coalesce(' ' || problems[1], ''), E'\\n'
		ORDER BY case_number) FROM capeai_test_agent($arguments)", $role);
}

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE anne LOGIN IN ROLE capeai_user;
CREATE ROLE bert LOGIN IN ROLE capeai_user;
CREATE ROLE root2 LOGIN IN ROLE capeai_admin;
SELECT capeai_add_document('Restarting', E'# Restarting\n\nRestart the server with pg_ctl restart. Ask anna@example.com.', url => '/restart');
SQL

my $good = { name => 'restart', input => { query => 'How do I restart the server?' },
	expect => { contains => 'pg_ctl restart', cites => '/restart', grounded => JSON::PP::true, refuses => JSON::PP::false } };
my $bad = { name => 'wrong', input => { query => 'How do I restart the server?' }, expect => { contains => 'reboot' } };
create('1.0.0', [ $good, $bad ]);

# --- nothing is recorded yet
is(results("'helper'"), "restart false nothing is recorded for this case: run it with mode => 'record'\n"
	. "wrong false nothing is recorded for this case: run it with mode => 'record'", 'a replay without recordings says so');
$node->fails_with('55000', "SELECT capeai_publish_agent('helper', '1.0.0')", 'what has not passed its tests is not published',
	connstr => as('anne'));

# --- recording asks the model, through the worker, in the same words as an ask would
is(results("'helper', '1.0.0', 'record'"), qq{restart true\nwrong false contains: "reboot" is missing}, 'recorded');
is(requests(), 2, 'two requests');
my ($request) = $mock->requests(undef, 1);
my $body = decode_json($request->{body});
is($body->{response_format}{type}, 'json_schema', 'the model is asked for the agent\'s structured output');
is($body->{temperature}, 0.1, 'with its temperature');
is(sql('SELECT mode, cases, failed, stale, prompt_tokens > 0 FROM capeai.test_runs ORDER BY completed_at DESC LIMIT 1'),
	'record|2|1|0|t', 'the run is kept, with what it used');
unlike(sql('SELECT recording FROM capeai.recordings'), qr/anna\@example/, 'what was recorded is masked');

# --- a draft that fails is not published; one that passes is, with the run that says so
$node->fails_with('55000', "SELECT capeai_publish_agent('helper', '1.0.0')", 'one case of two failed', connstr => as('anne'));
$node->fails_with('42501', "SELECT capeai_publish_agent('helper', '1.0.0', force => true)", 'its owner cannot force it', connstr => as('anne'));
create('1.0.0', [$good]);
$node->fails_with('55000', "SELECT capeai_publish_agent('helper', '1.0.0')", 'the run before the draft was changed does not count', connstr => as('anne'));
is(results("'helper'"), 'restart true', 'replayed');
is(sql("SELECT capeai_publish_agent('helper', '1.0.0')"), 't', 'published');
is(sql('SELECT r.mode FROM capeai.agent_versions v JOIN capeai.test_runs r ON r.id = v.test_run_id'), 'replay', 'with the run that let it');

# --- a replay needs neither model nor worker, and spends nothing
$mock->stop;
$node->append_conf('postgresql.conf', "capeai.enabled = off\ncapeai.base_url = 'http://192.0.2.1:9'\n");
$node->restart;
my $replay = sql(<<'SQL');
SELECT string_agg(passed || ' ' || prompt_tokens || ' ' || (duration_ms < 1000), ',') FROM capeai_test_agent('helper');
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'capeai worker';
SQL
is($replay, "true 0 true\n0", 'without network and worker: passed, no tokens');
is(sql('SELECT cost FROM capeai.test_runs ORDER BY completed_at DESC LIMIT 1'), '0', 'no cost');

# --- what is stale says why, and is judged all the same
create('1.1.0', [$good], prompts => { system => 'Answer briefly.', user => '{{passages}} Question: {{query}}' });
is(results("'helper', '1.1.0'"), 'restart true (the prompt is another than when it was recorded)', 'the prompt changed');
$node->fails_with('55000', "SELECT capeai_publish_agent('helper', '1.1.0')", 'what is stale proves nothing', connstr => as('anne'));
$node->safe_psql('postgres', q{SELECT capeai_add_document('Restarting', E'# Restarting\n\nRestart the server twice.', url => '/restart')});
is(results("'helper', '1.0.0'"), 'restart true (other passages are found than when it was recorded)',
	'the knowledge changed: judged by what was found then');

# --- an administrator may force it, which the trail says
is(sql("SELECT capeai_publish_agent('helper', '1.1.0', true)", 'root2'), 't', 'forced');
is(sql("SELECT event_data ->> 'forced' FROM capeai.audit_events WHERE event_type = 'agent_published' ORDER BY id DESC LIMIT 1", 'root2'),
	'true', 'and audited');

# --- extractively: no model is named, none is asked
create('1.2.0', [$good]);
$node->safe_psql('postgres', q{SELECT capeai_add_document('Restarting', E'# Restarting\n\nRestart the server with pg_ctl restart.', url => '/restart')});
is(sql("SET capeai.model = 'capeai-extractive'; SELECT passed || ' ' || model FROM capeai_test_agent('helper', mode => 'live')"),
	'true capeai-extractive', 'live without a model');
is(sql("SET capeai.model = 'capeai-extractive'; SELECT passed FROM capeai_test_agent('helper', mode => 'record');
	SELECT capeai_publish_agent('helper', '1.2.0')"), "t\nt", 'recorded and published without one');

create('1.3.0', [$good], model => { name => 'gpt-4o-mini' });
is(sql("SET capeai.model = 'capeai-extractive'; SELECT string_agg(passed || ' ' || model, ',') FROM capeai_test_agent('helper', '1.3.0', 'live')"),
	'true capeai-extractive', 'also an agent that names a model of its own');

# --- on a machine without network: a namespace with no interface that is up
SKIP:
{
	skip 'no network namespaces here', 2 if system('unshare -c -n true 2>/dev/null') != 0;
	$node->stop;
	my $started = system('unshare', '-c', '-n', 'pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile, 'start');
	$node->_update_pid(1);
	is($started, 0, 'a server without network');
	is(results("'helper', '1.2.0'"), 'restart true', 'replays');
}

# --- a dump takes agents, their history, tests and recordings along
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dumped');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restored');
my $state = q{SELECT (SELECT string_agg(version || ' ' || status || ' ' || (test_run_id IS NOT NULL), ', ' ORDER BY version) FROM capeai.agent_versions v
	JOIN capeai.agents a ON a.id = v.agent_id WHERE slug = 'helper'), (SELECT count(*) FROM capeai.test_results), (SELECT count(*) FROM capeai.recordings)};
is($node->safe_psql('restored', $state), $node->safe_psql('postgres', $state), 'the same versions, results and recordings');
is($node->safe_psql('restored', "SELECT passed FROM capeai_test_agent('helper', '1.2.0')", connstr => $node->connstr('restored') . ' user=anne'), 't', 'and they replay');
is($node->safe_psql('restored', "SELECT capeai_rollback_agent('helper')", connstr => $node->connstr('restored') . ' user=anne'), '1.1.0', 'and roll back');

# --- who may, and bad arguments
$node->fails_with('42704', "SELECT * FROM capeai_test_agent('helper')", "another's agent", connstr => as('bert'));
$node->fails_with('42501', "SELECT * FROM capeai_test_agent('chat')", 'a shipped agent', connstr => as('bert'));
is(sql('SELECT count(*) FROM capeai.test_runs UNION ALL SELECT count(*) FROM capeai.test_results UNION ALL SELECT count(*) FROM capeai.recordings', 'bert'),
	"0\n0\n0", "another's tests are not seen");
$node->fails_with('55000', "SELECT * FROM capeai_test_agent('chat')", 'an agent without tests', connstr => as('root2'));
$node->fails_with('22023', "SELECT * FROM capeai_test_agent('helper', mode => 'dream')", 'unknown mode', connstr => as('anne'));
$node->fails_with('22023', "SELECT * FROM capeai_test_agent(NULL)", 'no slug', connstr => as('anne'));
$node->fails_with('42704', "SELECT * FROM capeai_test_agent('helper', '9.9.9')", 'unknown version', connstr => as('anne'));

$node->finish;
done_testing();
