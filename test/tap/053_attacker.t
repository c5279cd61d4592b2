# What somebody with a role of each kind can do to others: nothing. Alice has secrets in every table; the others
# try each table, view and function, with schemas, operators, functions and temporary objects made for the purpose.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, extension => 0, conf => "trace_notify = on\nlog_min_messages = debug1\n");
my $secret = 'the violet umbrella';

sub as { return $node->connstr('postgres') . ' user=' . $_[0]; }
sub sql { my ($sql, $role) = @_; return $node->safe_psql('postgres', $sql, connstr => as($role // 'postgres')); }
# All that comes back, results and messages, whether it fails or not.
sub heard
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, connstr => as($role), on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return "$out\n$err";
}
# The same for many statements, each undone, in one session; what came of each.
sub heard_each
{
	my ($role, @statements) = @_;
	my $script = join '', map { "\\warn \@$_\nBEGIN; SET LOCAL statement_timeout = '5s';\n$statements[$_];\nROLLBACK;\n" } 0 .. $#statements;
	my ($out, $err);
	IPC::Run::run([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', as($role), '-f', '-' ], '<', \$script, '>', \$out, '2>&1');
	return map { $out =~ /^\@$_\n(.*?)(?=^\@\d|\z)/ms ? $1 : 'lost' } 0 .. $#statements;
}
sub denied { my ($role, $sql, $name, $state) = @_; return $node->fails_with($state // '42501', $sql, "$role: " . ($name // $sql), connstr => as($role)); }

# --- before it is installed: mallory may create things in public, as everybody could before PostgreSQL 15
sql(<<'SQL');
CREATE ROLE mallory LOGIN; CREATE ROLE alice LOGIN; CREATE ROLE boss LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE nobody LOGIN;
GRANT CREATE ON SCHEMA public TO mallory; GRANT CREATE, TEMPORARY ON DATABASE postgres TO mallory;
SQL
my $hostile = join '', map {
	my ($left, $right, $operator) = @$_;
	"CREATE FUNCTION public.agree(a $left, b $right) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	 CREATE OPERATOR public.$operator (LEFTARG = $left, RIGHTARG = $right, FUNCTION = public.agree);"
} [ 'regrole', 'oid', '=' ], [ 'regrole', 'regrole', '=' ], [ 'uuid', 'text', '=' ], [ 'varchar', 'text', '=' ], [ 'oid', 'regrole', '=' ];
sql($hostile . <<'SQL', 'mallory');
CREATE FUNCTION public.pg_has_role(a oid, b regrole, c text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.now(VARIADIC a int[]) RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.now()';
CREATE FUNCTION public.count(a regrole) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
SQL
sql(<<'SQL');
CREATE EXTENSION capeai;
GRANT capeai_user TO mallory, alice; GRANT capeai_admin TO boss; GRANT capeai_auditor TO reader;
SQL
$node->wait_for_worker;
is(sql(<<'SQL'), '', 'nothing of the extension depends on what was there before');
SET search_path = pg_catalog;
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
FROM pg_depend d
WHERE (d.refclassid, d.refobjid) IN (SELECT 'pg_proc'::regclass::oid, oid FROM pg_proc WHERE proowner = 'mallory'::regrole
                                     UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprowner = 'mallory'::regrole)
  AND NOT (d.classid IN ('pg_operator'::regclass, 'pg_proc'::regclass))
SQL

# --- what alice has: a secret in every table
my $conversation = '0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000';
my $manifest = encode_json({ slug => 'alice-agent', name => "Agent of $secret", version => '1.0.0', description => $secret, visibility => 'private',
	steps => ['generate_response'], prompts => { system => $secret, user => '{{query}}' } });
my $task = sql(qq{SELECT capeai_submit_task('chat', '{"query": "$secret"}', title => '$secret')}, 'alice');
my $hanging = sql(qq{SELECT capeai_submit_task('chat', '{"query": "$secret [[mock: hang]]"}', title => '$secret', idempotency_key => 'key')}, 'alice');
my $blocked = sql(qq{SELECT capeai_submit_task('chat', '{"query": "$secret"}', title => '$secret', depends_on => '{$hanging}')}, 'alice');
sql("SELECT capeai_ask('$secret', agent => 'chat', conversation => '$conversation')", 'alice');
sql("SELECT capeai_create_agent('$manifest')", 'alice');
is($node->wait_task($task), 'succeeded', "alice's task runs");
$node->wait_status($hanging, 'running');
my $agent = sql("SELECT id FROM capeai.agents WHERE slug = 'alice-agent'");
my @ids = ($task, $hanging, $blocked, $conversation, $agent);
my $telling = join '|', $secret, map { my $hex = s/-//gr; ($_, $hex) } @ids;
my $state = sub { return sql("SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM capeai.tasks t") . sql("SELECT count(*) FROM capeai.task_signals") };
my $before = $state->();
like(sql('SELECT title FROM capeai.tasks', 'alice'), qr/$secret/, 'she sees it');
is(sql('SELECT count(*) FROM capeai.active_tasks', 'alice'), 1, 'also what is running');

# --- every table and view, read and written in every way
my @relations = split /\n/, sql("SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'capeai'::regnamespace AND relkind IN ('r', 'v', 'S')");
my %writable = (boss => { 'capeai.prices' => 1 });
for my $role (qw(nobody mallory reader boss))
{
	my @read = heard_each($role, map { "SELECT * FROM $_; EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM $_" } @relations);
	my @leaks = $role =~ /nobody|mallory/ ? grep { $read[$_] =~ /$telling/ } 0 .. $#relations : ();
	my @writes;
	for my $relation (@relations)
	{
		push @writes, grep { !($writable{$role}{$relation} && /^(DELETE|INSERT|LOCK|SELECT)/) } "DELETE FROM $relation", "TRUNCATE $relation",
			"INSERT INTO $relation DEFAULT VALUES", "ALTER TABLE $relation OWNER TO $role", "LOCK TABLE $relation IN ACCESS EXCLUSIVE MODE",
			"SELECT * FROM $relation FOR UPDATE", "DROP TABLE $relation", "COMMENT ON TABLE $relation IS 'x'", "ALTER TABLE $relation DISABLE TRIGGER ALL",
			"CREATE TRIGGER t AFTER INSERT ON $relation EXECUTE FUNCTION suppress_redundant_updates_trigger()", "CREATE INDEX ON $relation ((1))",
			"ALTER TABLE $relation DISABLE ROW LEVEL SECURITY", "CREATE RULE r AS ON INSERT TO $relation DO NOTHING",
			"CREATE POLICY p ON $relation USING (true)", "SELECT nextval('$relation')", "SELECT setval('$relation', 1)";
	}
	my @results = heard_each($role, @writes);
	my @written = map { "$writes[$_]: $results[$_]" } grep { $results[$_] !~ /ERROR:  (42501|42809|55000|0A000|428C9)/ } 0 .. $#writes;
	@leaks = map { $relations[$_] } @leaks;
	is("@leaks", '', "$role reads nothing of alice's in any table or view");
	is(join("\n", @written), '', "$role writes none");
}
unlike(heard('reader', "SELECT * FROM capeai.$_"), qr/$telling/, "an auditor sees nothing in capeai.$_") for qw(tasks runs conversations agents active_tasks passages limits);

# --- every function, with ids of alice's wherever an id fits
my @functions = split /\n/, sql(<<'SQL');
SELECT p.oid::regproc || '|' || coalesce((SELECT string_agg(format_type(t, NULL), ';' ORDER BY n)
                                          FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) WHERE n <= greatest(pronargs - pronargdefaults, 1)), '')
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'capeai' WHERE p.prorettype <> 'trigger'::regtype
SQL
my %plain = (text => "'alice-agent'", jsonb => q('{"query": "x"}'), 'jsonb[]' => "'{}'", 'text[]' => "'{x}'", numeric => 1, bigint => 1, regconfig => "'simple'", integer => 1);
for my $role (qw(nobody mallory reader))
{
	my @calls;
	for my $line (@functions)
	{
		my ($function, $types) = split /\|/, $line, 2;
		my @types = split /;/, $types;
		next if $function =~ /channel$/ && @types;  # tells what it is given
		for my $id (grep({ /^uuid/ } @types) ? @ids : (''))
		{
			push @calls, "SELECT * FROM $function(" . join(', ', map { /^uuid$/ ? "'$id'" : /^uuid\[\]$/ ? "'{$id}'" : $plain{$_} // die "no value for $_" } @types) . ')';
		}
	}
	my @heard = heard_each($role, @calls);
	s/task \S+ (is not yours|does not exist)//g for @heard;
	s/^LINE \d+:.*\n.*$//mg for @heard;
	my @leaks = map { "$calls[$_]: $heard[$_]" } grep { $heard[$_] =~ /$telling/ || $role eq 'nobody' && $heard[$_] !~ /42501/ } 0 .. $#calls;
	is(join("\n", @leaks), '', "$role learns nothing of alice's from any function");
}
denied('mallory', "SELECT capeai_$_('$hanging')") for qw(cancel_task retry_task wait);
denied('mallory', qq{SELECT capeai_submit_task('chat', '{"query": "x"}', depends_on => '{$task}')});
denied('mallory', qq{SELECT capeai_submit_task('cape-ai-guide', '{"query": "x", "conversation": "$conversation"}')});
denied('mallory', qq{SELECT capeai_ask('x', agent => 'chat', conversation => '$conversation')});
denied('mallory', qq{SELECT capeai_ask('x', agent => '$_')}, undef, '42704') for 'alice-agent', 'alice-agent@1.0.0';
denied('mallory', "SELECT capeai_create_agent('" . ($manifest =~ s/1\.0\.0/2.0.0/r) . "')", "a version of alice's agent");
isnt(sql(qq{SELECT capeai_submit_task('chat', '{"query": "mine"}', idempotency_key => 'key', run_at => now() + '1 day')}, 'mallory'), $hanging,
	"an idempotency key of alice's finds no task of hers");
denied('mallory', "SELECT $_") for q{capeai_set_limit('role', 'alice', 'queued', 0)}, 'capeai_adopt_tasks()', q{capeai_add_document('x', 'y')},
	q{capeai_load_directory('/etc')}, q{capeai_create_collection('x')}, 'capeai_remove_document(1)';
denied('mallory', qq{SELECT capeai_create_agent('{"slug": "for-all", "name": "x", "version": "1.0.0", "description": "x", "visibility": "$_",
	"steps": ["generate_response"], "prompts": {"system": "s", "user": "{{query}}"}}')}, "an agent with visibility $_") for qw(public role);
denied('boss', q{SELECT capeai_load_directory('/etc')}, 'loading files without pg_read_server_files');
is($state->() =~ s/.{32}//r, $before =~ s/.{32}//r, 'nothing was cancelled');
is($node->task($hanging, 'status'), 'running', "and alice's task runs on");

# --- who somebody is, is not for them to say
denied('mallory', $_) for 'SET ROLE alice', 'SET ROLE capeai_admin', 'SET SESSION AUTHORIZATION alice', q{SELECT set_config('role', 'alice', false)},
	'GRANT capeai_admin TO mallory', 'ALTER ROLE mallory SUPERUSER', 'DROP EXTENSION capeai', 'ALTER EXTENSION capeai UPDATE',
	'ALTER FUNCTION capeai_ask OWNER TO mallory', q{CREATE FUNCTION evil() RETURNS int LANGUAGE c AS '$libdir/capeai', 'capeai_adopt_tasks'},
	q{SET capeai.require_user_id = off}, q{ALTER ROLE mallory SET capeai.require_user_id = off}, q{SELECT pg_read_file('postgresql.conf')};

# --- leaking by conditions, plans and statistics
sql('ANALYZE capeai.tasks; ANALYZE capeai.audit_events; ANALYZE capeai.runs; ANALYZE capeai.agents; ANALYZE capeai.conversations');
my $evil = <<'SQL';
CREATE SCHEMA IF NOT EXISTS evil;
CREATE OR REPLACE FUNCTION evil.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
CREATE OR REPLACE FUNCTION evil.policy_role() RETURNS oid LANGUAGE sql AS $$ SELECT 'alice'::regrole::oid $$;
SQL
my $conditions = join ';', map { "SELECT count(*) FROM $_ AS x WHERE evil.leak(x::text)" } qw(capeai.tasks capeai.runs capeai.audit_events
	capeai.agents capeai.agent_versions capeai.conversations capeai.task_dependencies capeai.stat_tasks capeai.active_tasks);
unlike(heard('mallory', "$evil $conditions; SELECT * FROM pg_stats WHERE schemaname = 'capeai' AND tablename IN ('tasks', 'runs', 'audit_events', 'agents', 'conversations');
	SET enable_seqscan = off; EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM capeai.tasks WHERE title = '$task'"), qr/leaked.*(?:$telling)|$secret/,
	'conditions of ones own see no row of others, and statistics are not shown');
unlike(heard('mallory', "SET row_security = off; SELECT * FROM capeai.tasks"), qr/$secret/, 'without row security there is nothing to see');

# --- with everything shadowed: one's own schema before pg_catalog, temporary tables and functions
my $shadow = <<'SQL';
CREATE SCHEMA IF NOT EXISTS shadow;
CREATE OR REPLACE FUNCTION shadow.hijack(a text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OR REPLACE FUNCTION shadow.lower(a text) RETURNS text LANGUAGE sql AS 'SELECT shadow.hijack(a)';
CREATE OR REPLACE FUNCTION shadow.substr(a text, b int, c int) RETURNS text LANGUAGE sql AS 'SELECT shadow.hijack(a)';
CREATE OR REPLACE FUNCTION shadow.encode(a bytea, b text) RETURNS text LANGUAGE sql AS 'SELECT shadow.hijack(b)';
CREATE OR REPLACE FUNCTION shadow.sha256(a bytea) RETURNS bytea LANGUAGE sql AS 'SELECT shadow.hijack(NULL)::bytea';
CREATE OR REPLACE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT shadow.hijack(NULL)::timestamptz';
CREATE OR REPLACE FUNCTION shadow.unnest(a uuid[]) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT shadow.hijack(NULL)::uuid';
CREATE OR REPLACE FUNCTION shadow.same(a uuid, b uuid) RETURNS boolean LANGUAGE sql AS 'SELECT shadow.hijack(NULL)::boolean';
CREATE OR REPLACE FUNCTION shadow.same(a text, b text) RETURNS boolean LANGUAGE sql AS 'SELECT shadow.hijack(a)::boolean';
DO $$ BEGIN
CREATE OPERATOR shadow.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = shadow.same);
CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.same);
EXCEPTION WHEN duplicate_function THEN NULL; END $$;
CREATE TEMP TABLE tasks (a int); CREATE TEMP TABLE installation (secret bytea); CREATE TEMP TABLE pg_class (a int); CREATE TEMP TABLE pg_roles (rolname text);
CREATE FUNCTION pg_temp.encode(a bytea, b text) RETURNS text LANGUAGE sql AS 'SELECT shadow.hijack(b)';
CREATE DOMAIN pg_temp.uuid AS text; CREATE DOMAIN pg_temp.jsonb AS text; CREATE DOMAIN pg_temp.regrole AS text;
SET search_path = shadow, pg_temp, pg_catalog, public;
SQL
my $all = <<'SQL';
SELECT capeai_user_channel(); SELECT count(*) FROM public.capeai_agents();
SELECT public.capeai_cancel_task(public.capeai_submit_task('chat', pg_catalog.jsonb_in('{"query": "x"}'), run_at => pg_catalog.now() + '1 day'));
SELECT public.capeai_ask('x', agent => 'chat'); SELECT count(*) FROM public.capeai_search('x'); SELECT count(*) FROM public.capeai_health();
SELECT count(*) FROM capeai.tasks; SELECT count(*) FROM capeai.active_tasks; SELECT count(*) FROM capeai.stat_tasks;
SQL
$all =~ s/ SELECT count\(\*\) FROM public\.capeai_agents\(\);// unless sql("SELECT count(*) FROM pg_proc WHERE proname = 'capeai_agents'");
my $heard = heard('mallory', "$shadow $all");
unlike($heard, qr/hijacked|XX000/, 'what one calls runs none of ones own functions');
unlike($heard, qr/ERROR/, 'and works as ever');
unlike(heard('mallory', "$shadow SELECT public.capeai_cancel_task('$hanging')"), qr/hijacked/, 'nor does what is refused');
is(sql('SELECT capeai_user_channel()', 'mallory') =~ /^capeai_user_[0-9a-f]{32}$/ ? 'named' : '', 'named', 'the channel has its name');

# --- a name is not a role: alice is renamed, dropped, and made again
sql('ALTER ROLE alice RENAME TO alice_before');
sql('CREATE ROLE alice LOGIN; GRANT capeai_user TO alice');
unlike(heard('alice', join ';', map { "SELECT * FROM capeai.$_" } qw(tasks runs audit_events conversations agents agent_versions active_tasks)), qr/$telling/,
	'another role of her name has nothing of hers');
denied('alice', "SELECT capeai_cancel_task('$hanging')", 'another alice');
denied('alice', q{SELECT capeai_ask('x', agent => 'alice-agent')}, 'another alice', '42704');
isnt(sql('SELECT capeai_user_channel()', 'alice'), sql('SELECT capeai_user_channel()', 'alice_before'), 'nor the channel');
is(sql('SELECT count(*) > 2 FROM capeai.tasks', 'alice_before'), 't', 'she has it, whatever her name');
sql('DROP ROLE alice; ALTER ROLE alice_before RENAME TO alice');

# --- notifications: only who knows a name that cannot be guessed hears anything
my $channel = sql('SELECT capeai_user_channel()', 'alice');
my $oid = sql(q{SELECT 'alice'::regrole::oid});
my @guesses = ('capeai', map({ "capeai_$_" } qw(task tasks user users event events notify all health audit runs worker stream ask admin)),
	map({ "capeai_user_$_" } 'alice', $oid, 'mallory', 0, 1), map({ sql("SELECT 'capeai_user_' || md5('$_')") } 'alice', $oid),
	sql("SELECT 'capeai_user_' || substr(encode(sha256('$oid'::bytea), 'hex'), 1, 32)"),
	sql("SELECT 'capeai_user_' || substr(encode(sha256(sha256(oidsend($oid))), 'hex'), 1, 32)"), $agent, 'alice', 'postgres', 'cape-ai-guide');
my $listener = $node->background_psql('postgres', extra_params => [ '-U', 'mallory' ]);
$listener->query_safe(qq(LISTEN "$_")) for @guesses;
my $own = $node->listen($channel);
my $heard_task = sql(qq{SELECT capeai_submit_task('chat', '{"query": "$secret again"}', stream => true)}, 'alice');
ok($own->wait_for(sub { $_[0]{event} eq 'succeeded' && $_[0]{task} eq $heard_task }), 'who knows the channel hears of the task');
unlike(join(' ', $own->payloads), qr/$secret/, 'but nothing of what it says');
unlike($listener->query('SELECT 1'), qr/Asynchronous notification/, 'who guesses hears nothing');
$listener->quit;
$own->close;
my %channels = map { $_ => 1 } slurp_file($node->logfile) =~ /Async_Notify\((\w*)\)/g;
ok(%channels, 'the server says which channels are used');
is(join(' ', grep { !/^capeai_(task|user)_[0-9a-f]{32}$/ } sort keys %channels), '', 'there are no other channels');
is(sql('SELECT capeai_user_channel()', 'alice'), $channel, 'the channel of a role stays');
sql("SELECT capeai_cancel_task('$hanging')", 'alice');
is($node->wait_task($hanging), 'cancelled', 'she ends what is hers');
$node->restart;
$node->wait_for_worker;
is(sql('SELECT capeai_user_channel()', 'alice'), $channel, 'also after a restart');
sql('CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION capeai');
isnt($node->safe_psql('other', 'SET ROLE alice; SELECT capeai_user_channel()'), $channel, 'in another database it is another');
is(sql("SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_authid'::regclass"), 0, 'no role is held back by what it has submitted');

# --- roles stay when the extension goes, since other databases may use them
$node->safe_psql('other', 'DROP EXTENSION capeai');
is(sql("SELECT count(*) FROM pg_roles WHERE rolname IN ('capeai_user', 'capeai_admin', 'capeai_auditor') AND NOT rolcanlogin AND NOT rolsuper"), 3,
	'the roles stay; none can log in');

$node->finish;
done_testing();
