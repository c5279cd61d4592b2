# The audit trail: append-only for everybody, sealed, and what was done to it shows.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.fallback_interval = '200ms'\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub ask { return sql("SELECT task_id FROM capeai_answer('$_[0]', agent => 'chat')"); }
sub verify { return sql("SELECT string_agg(concat_ws(' ', seal, event_id, problem), '; ') FROM capeai_audit_verify()"); }
sub all_sealed
{
	return $node->poll_query_until('postgres', 'SELECT (SELECT max(event_id) FROM capeai.audit_seals) >= (SELECT max(id) FROM capeai.audit_events)')
	  || diag($node->health);
}
# As a superuser who has put the guard aside.
sub tamper
{
	my ($statement, $table) = @_;
	$table //= 'audit_events';
	return sql("BEGIN; ALTER TABLE capeai.$table DISABLE TRIGGER guard_audit; $statement; ALTER TABLE capeai.$table ENABLE ALWAYS TRIGGER guard_audit; COMMIT");
}

sql('CREATE ROLE root IN ROLE capeai_admin; CREATE ROLE reader IN ROLE capeai_auditor; CREATE ROLE anna IN ROLE capeai_user');

# --- append-only, for a superuser too
ask('hello');
for my $table (qw(audit_events audit_seals))
{
	for my $statement ("UPDATE capeai.$table SET created_at = now()", "DELETE FROM capeai.$table", "TRUNCATE capeai.$table")
	{
		$node->fails_with('42501', $statement, "a superuser's $statement");
		$node->fails_with('42501', "SET session_replication_role = replica; $statement", "as replication: $statement");
		$node->fails_with('42501', "SET ROLE root; $statement", "an administrator's $statement");
	}
}

# --- every call to a model is in it
my $task = ask('[[mock: latency=20]] hello');
is(sql("SELECT model || ' ' || status || ' ' || usage || ' ' || (prompt_tokens > 0 AND completion_tokens > 0 AND latency_ms >= 20) FROM capeai.model_calls WHERE task_id = '$task'"),
	'mock 200 reported true', 'a call with its model, status, tokens and latency');
my $retried = $node->submit('chat', { query => '[[mock: status=500,times=1]] [[tag:twice]]' });
$node->wait_task($retried);
is(sql("SELECT string_agg(status || '', ' ' ORDER BY created_at) FROM capeai.model_calls WHERE task_id = '$retried'"), '500 200', 'one that failed, too');
is(sql("SELECT string_agg(event_type, ' ' ORDER BY id) FROM capeai.audit_events WHERE task_id = '$retried'"), 'submitted started retrying started succeeded', 'and each move of its task');
my ($dropped) = sql(q{BEGIN; SET LOCAL capeai.model = 'mock'; SELECT task_id FROM capeai_answer('[[tag:gone]] x', agent => 'chat'); ROLLBACK}) =~ /([0-9a-f-]{36})/;
is(sql("SELECT count(*) FROM capeai.model_calls WHERE task_id = '$dropped'"), 1, 'what a caller rolls back stays on record');

# --- what is refused, although it is rolled back; what is set; what is known
$node->error_of(q{SET ROLE anna; SELECT capeai_submit_task('chat', '{"query":"x"}', depends_on => ARRAY['} . $retried . q{']::uuid[])}) for 1 .. 3;
sql(q{SELECT capeai_set_limit('role', 'anna', 'tasks_per_minute', 0)});
$node->error_of(q{SET ROLE anna; SELECT capeai_submit_task('chat', '{"query":"x"}')});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM (SELECT event_data ->> 'sqlstate' AS s, sum((event_data ->> 'times')::int) AS times FROM capeai.audit_events
	WHERE event_type = 'refused' AND role = 'anna'::regrole AND event_data ->> 'function' LIKE '%capeai_submit_task' GROUP BY 1) r WHERE (s, times) IN (('42501', 3), ('53400', 1))}), 'refusals are in the trail')
  || diag(sql(q{SELECT role, event_data FROM capeai.audit_events WHERE event_type = 'refused'}));
$node->append_conf('postgresql.conf', "capeai.max_attempts = 7\ncapeai.proxy = 'http://user:geheim\@127.0.0.1:1'");
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM capeai.audit_events WHERE event_type = 'settings_changed' AND event_data #>> '{capeai.max_attempts,from}' = '3' AND event_data #>> '{capeai.max_attempts,to}' = '7' AND event_data ? 'capeai.proxy'}), 'so are settings that a reload changed');
is(sql("SELECT count(*) FROM capeai.audit_events WHERE event_data::text LIKE '%geheim%'"), 0, 'but no secrets');
$node->append_conf('postgresql.conf', "capeai.proxy = ''");
$node->reload;
sql(q{SELECT capeai_create_collection('c'); SELECT capeai_remove_document(capeai_add_document('T', 'text', collection => 'c'))});
is(sql(q{SELECT string_agg(event_type, ' ' ORDER BY id) FROM capeai.audit_events WHERE event_type ~ 'collection|document'}), 'collection_created document_added document_removed', 'and what happened to the knowledge');

# --- a whole chain
ok(all_sealed(), 'the worker seals what was written');
is(verify(), '', 'and finds it in order');
is(sql('SET ROLE reader; SELECT count(*) FROM capeai_audit_verify()'), 0, 'so does an auditor');
$node->fails_with('42501', 'SET ROLE anna; SELECT capeai_audit_verify()', 'not a user');
is(sql("SELECT status FROM capeai_health() WHERE component = 'audit'"), 'ok', 'health says so');

# --- transactions that end late, and that are rolled back
my $late = $node->background_psql('postgres');
$late->query_safe('BEGIN');
$late->query_safe(q{SELECT capeai_submit_task('chat', '{"query":"late"}')});
$node->safe_psql('postgres', q{BEGIN; SELECT capeai_submit_task('chat', '{"query":"undone"}'); ROLLBACK});
ask('meanwhile');
ok(all_sealed(), 'a transaction that stays open holds up nothing');
is(verify(), '', 'and its event is not missed yet');
isnt(sql('SELECT open FROM capeai.audit_seals ORDER BY seq DESC LIMIT 1'), '{}', 'it is waited for');
$late->query_safe('COMMIT');
$late->quit;
ok(all_sealed(), 'and is sealed');
$node->wait_idle;
is(verify(), '', 'late, and in order');

# --- a superuser who puts the guard aside
my $event = sql("SELECT max(id) FROM capeai.audit_events WHERE event_type = 'succeeded'");
my $before = sql("SELECT event_data FROM capeai.audit_events WHERE id = $event");
all_sealed();
tamper("UPDATE capeai.audit_events SET event_data = event_data || '{\"model\": \"another\"}' WHERE id = $event");
like(verify(), qr/^\d+ $event the event was changed$/, 'a change shows, and where');
tamper("UPDATE capeai.audit_events SET event_data = '$before' WHERE id = $event");
is(verify(), '', 'until it is undone');
for my $column ("role = 'anna'::regrole", "user_id = 'x'", "created_at = created_at - interval '1 us'", "client_addr = 'x'", "application_name = ''", 'task_id = NULL', "event_type = 'failed'", 'agent_id = NULL')
{
	tamper("CREATE TEMP TABLE kept AS SELECT * FROM capeai.audit_events WHERE id = $event; UPDATE capeai.audit_events SET $column WHERE id = $event;
		CREATE TABLE IF NOT EXISTS problems (problem text); INSERT INTO problems SELECT problem FROM capeai_audit_verify();
		DELETE FROM capeai.audit_events WHERE id = $event; INSERT INTO capeai.audit_events OVERRIDING SYSTEM VALUE SELECT * FROM kept");
	is(sql('WITH p AS (DELETE FROM problems RETURNING problem) SELECT string_agg(problem, \' \') FROM p'), 'the event was changed', "$column: every column counts");
}
tamper("CREATE TABLE kept AS SELECT * FROM capeai.audit_events WHERE id = $event; DELETE FROM capeai.audit_events WHERE id = $event");
like(verify(), qr/^\d+ $event the event was deleted$/, 'a deletion shows');
sql('INSERT INTO capeai.audit_events OVERRIDING SYSTEM VALUE SELECT * FROM kept');
is(verify(), '', 'putting it back as it was is no harm');
my $hole = sql('SELECT g FROM generate_series(1, (SELECT max(id) FROM capeai.audit_events)) g WHERE NOT EXISTS (SELECT FROM capeai.audit_events e WHERE e.id = g) LIMIT 1');
sql("INSERT INTO capeai.audit_events (id, event_type) OVERRIDING SYSTEM VALUE VALUES ($hole, 'forged')");
like(verify(), qr/$hole the event was slipped in/, 'an event in a place that was empty shows');
tamper("DELETE FROM capeai.audit_events WHERE id = $hole");

# --- the chain itself
my $seal = sql('SELECT max(seq) FROM capeai.audit_seals');
tamper("CREATE TABLE kept_seals AS TABLE capeai.audit_seals; UPDATE capeai.audit_seals SET events = substr(events, 25) WHERE seq = 1", 'audit_seals');
like(verify(), qr/^1 the link itself was changed/, 'a link that was changed');
tamper('DELETE FROM capeai.audit_seals WHERE seq = 1', 'audit_seals');
like(verify(), qr/2 the links before this one are missing, and not by retention/, 'links missing at the beginning');
tamper('DELETE FROM capeai.audit_seals; INSERT INTO capeai.audit_seals TABLE kept_seals', 'audit_seals');
is(verify(), '', 'whole again');
tamper("DELETE FROM capeai.audit_seals WHERE seq = $seal", 'audit_seals');
like(verify(), qr/^$seal the end of the chain was cut off/, 'cutting the end shows while the worker runs');
tamper('TRUNCATE capeai.audit_seals', 'audit_seals');
ask('after the truncation');
ok($node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM capeai.audit_seals'), 'the worker goes on');
like(verify(), qr/the links before this one are missing, and not by retention/, 'from where the chain ended, so that what was cut is missed');
like(slurp_file($node->logfile), qr/the end of the audit trail's chain of seals was changed or deleted/, 'and says so in the log');
like(slurp_file($node->logfile), qr/audit trail: seal \d+ covers events up to \d+, its hash is [0-9a-f]{64}/, 'which has the head of the chain');

# --- a key
sql('DROP EXTENSION capeai; CREATE EXTENSION capeai');
my $key = $node->basedir . '/audit.key';
append_to_file($key, "a key that nobody knows\n");
chmod 0600, $key;
$node->append_conf('postgresql.conf', "capeai.audit_key_file = '$key'");
$node->restart;
$node->wait_for_worker;
ask('with a key');
ok(all_sealed(), 'sealed with a key');
is(sql('SELECT count(*) > 0 FROM capeai.audit_seals WHERE key_id IS NOT NULL'), 't', 'of which the links say which');
unlike(verify(), qr/changed|deleted/, 'and in order');
tamper(q{UPDATE capeai.audit_seals SET key_id = NULL, hash = sha256('forged') WHERE seq = (SELECT max(seq) FROM capeai.audit_seals)}, 'audit_seals');
like(verify(), qr/the link itself was changed.*made without a key/, 'a link without the key does not pass');
chmod 0644, $key;
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT status = 'not sealed' FROM capeai_health() WHERE component = 'audit'}), 'a key that others can read is refused');
$node->fails_with('55000', 'SELECT * FROM capeai_audit_verify()', 'also for verifying');

# --- retention leaves a checkpoint
sql('DROP EXTENSION capeai; CREATE EXTENSION capeai');
$node->append_conf('postgresql.conf', "capeai.audit_key_file = ''");
$node->restart;
$node->wait_for_worker;
# Events of long ago: written, not changed.
sql(q{INSERT INTO capeai.audit_events (event_type, created_at) SELECT 'old', now() - interval '2 days' FROM generate_series(1, 100)});
ok(all_sealed(), 'events that nobody announced are sealed');
ask('another link');
ok(all_sealed(), 'and newer ones');
$node->append_conf('postgresql.conf', 'capeai.audit_retention = 1d');
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM capeai.audit_events WHERE event_type = 'old'}), 'retention deletes what is old');
is(sql('SELECT count(*) > 0 FROM capeai.audit_seals WHERE pruned_seq IS NOT NULL'), 't', 'with a link that says so');
is(verify(), '', 'and the rest is in order');
cmp_ok(sql("SELECT count(*) FROM capeai.audit_events WHERE event_type <> 'old'"), '>', 0, 'what is younger stays');

# --- a clean stop
$node->stop;
like(slurp_file($node->logfile), qr/audit trail: ends with seal \d+, its hash is [0-9a-f]{64}/, 'a worker that stops says where the chain ends');
$node->start;

$node->finish;
done_testing();
