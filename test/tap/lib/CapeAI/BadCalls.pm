# Makes malformed calls of every SQL function that the extension has in a database, and runs them
# in one session: the same calls for the same seed.
#
#   my $bad = CapeAI::BadCalls->new($node, 'postgres', seed => 1, known => { uuid => [...], path => [...] });
#   for my $result ($bad->run(1000)) { … $result->{call}, {sqlstate}, {message}, {wrote} … }
#
# Functions and argument types come from the catalog, so that a function that is added is called, too.
# Most calls are undone; some of those that write are committed, so that the worker meets what was
# accepted. {wrote}: the tables of capeai held other rows after a call that failed.
package CapeAI::BadCalls;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

# What an argument may be given, as SQL, by its type …
my @DEEP = map { "(repeat('$_->[0]', 10000) || '$_->[1]' || repeat('$_->[2]', 10000))" }
  [ '{"a":', '{}', '}' ], [ '[', '', ']' ];
my %VALUES = (
	text => [
		"''", "' '", "'x'", q{E'\n'}, q{E'\x01'}, q{E'\t\r\n\v'}, "repeat('x', 255)", "repeat('x', 256)", "repeat('x', 1001)",
		"repeat('x', 100000)", "repeat('word ', 20000)", "'%s%n%d'", "'../../etc/passwd'", q{'''; DROP TABLE capeai.tasks; --'},
		"'{}'", "'NaN'", q('chat@'), q('@'), q('chat@1.0.0'), "'CHAT'", "'pg_catalog.english'", "'a,b;c'", q{E'a\\\\b'}, "'\$1'", "':x'",
		"repeat('> ', 10000)", "repeat('- ', 10000)", "repeat('<div>', 10000)", "repeat('<b><i><a href=x>', 3000)", "repeat('[', 10000)",
		"repeat('`', 9999)", "repeat('*_', 9999)", "repeat('&#x41;', 5000)", "'<!--' || repeat('-', 9999)", "repeat(E'# h\\n', 5000)",
		"repeat(E'| a | b |\\n', 3000)", "repeat('a', 5000) || '!'", "'<script>alert(1)</script>'", @DEEP,
		"'beginner'", "'markdown'", "'html'", "'plain'", "'steps'", "'default'", "'role'", "'agent'", "'model'", "'capeai_user'",
		"'in_flight'", "'tokens_per_day'", "'cost_per_day'", "'replay'", "'live'", "'cape-ai-guide'", "'1.0.0'", "'-1.-1.-1'", "'mock'" ],
	jsonb => [
		"'{}'", "'[]'", "'null'", "'\"x\"'", "'0'", "'true'", q('{"query": "x"}'), q('{"query": ""}'), q('{"query": null}'),
		q('{"query": 1e308}'), q('{"query": ["x"]}'), q('{"query": "x", "query": "y"}'), q('{"": "", " ": " "}'), q(E'{"a": "\\\\u0000"}'),
		q(E'{"a": "\\\\ud800"}'), q('{"query": 1e400}'), q('{"query": 123456789012345678901234567890}'), q('{"query": "x", "context": 7}'),
		q('{"query": "x", "user_level": {}}'), q('{"query": "x", "conversation": "x"}'), q('{"query": "x", "preferred_format": "steps"}'),
		"(SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 20000) i)", "(SELECT jsonb_agg(i) FROM generate_series(1, 20000) i)",
		"jsonb_build_object('query', repeat('x', 1001))", "jsonb_build_object('query', repeat('x', 1000000))",
		"jsonb_build_object(repeat('k', 100000), 1)", q('[{"role": "user", "content": "x"}]'), q('[{"role": "user"}]'), q('[{"role": 7, "content": []}]'),
		q('[null]'), q('[[[[]]]]'), q('[{"role": "tool", "content": "x", "tool_call_id": ""}]'), q('{"temperature": "hot"}'), q('{"max_tokens": -1}'),
		q('{"stream": true}'), q('{"n": 1000000}'), q('{"model": null, "messages": []}'), q('{"tools": {}}'), map { "$_\::jsonb" } @DEEP ],
	integer => [ 0, 1, -1, 2, 1000, 1001, 32767, 32768, 2147483647, '(-2147483648)' ],
	bigint => [ 0, 1, -1, 9223372036854775807, '(-9223372036854775808)' ],
	numeric => [ 0, 1, -1, 0.5, "'NaN'", "'Infinity'", "'-Infinity'", '1e308', '1e-300', "repeat('9', 10000)::numeric", '9223372036854775808' ],
	boolean => [qw(true false)],
	uuid => [ map({ "'$_-0000-0000-0000-000000000000'" } '00000000', 'ffffffff'), 'gen_random_uuid()' ],
	'timestamp with time zone' => [
		"'infinity'", "'-infinity'", "'epoch'", "'4714-11-24 00:00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'", 'now()',
		"now() + '100 years'", "'0001-01-01'", "'9999-12-31 23:59:60+00'" ],
	interval => [
		"'0'", "'1 us'", "'-1 s'", "'178000000 years'", "'-178000000 years'", "'2147483647 days'", "'1 mon -30 days'",
		"'-2562047788:00:54.775808'", "'2562047788:00:54.775807'", "'100 ms'" ],
	regconfig => [ "'simple'", "'english'", '0::regconfig', '4294967295::regconfig', '1::regconfig' ]);

# … and by its name, which is likelier to come past the first check.
my %NAMED = (
	agent => [ "'chat'", "'cape-ai-guide'", "'no-such-agent'" ], query => ["'How do I restart?'"], scope => ["'role'", "'default'"],
	metric => ["'in_flight'"], format => [ "'html'", "'markdown'" ], user_level => ["'advanced'"], slug => ["'bad-call'"],
	collection => [ "'bad-call'", "'default'" ]);

# Tables that change by themselves: what the worker writes after the fact.
my $ASYNC = q{c.relname IN ('audit_seals', 'audit_events')};

# Some of these are committed when they succeed.
my $COMMITTED = qr/^public\.capeai_(submit_task|submit_tasks|add_document|cancel_task|retry_task|create_agent|ask|search)\(/;

# Settings of the session that may bend what our own statements do.
my @SETTINGS = (
	"DateStyle = 'German, DMY'", "IntervalStyle = 'sql_standard'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'",
	"extra_float_digits = -15", "TimeZone = 'Pacific/Kiritimati'", "TimeZone = 'Antarctica/Troll'", 'transform_null_equals = on',
	'array_nulls = off', 'standard_conforming_strings = off', 'quote_all_identifiers = on', "default_text_search_config = 'simple'",
	'search_path = pg_temp', "search_path = ''", 'enable_seqscan = off', 'enable_indexscan = off', 'plan_cache_mode = force_generic_plan',
	'work_mem = 64', 'default_transaction_isolation = serializable', 'xmloption = document', "lc_numeric = 'C'",
	'row_security = off', 'check_function_bodies = off', "capeai.user_id = 'u'", "capeai.model = 'mock'", "capeai.temperature = '2'",
	"capeai.max_tokens = '1'", 'jit = on', 'default_transaction_read_only = on', 'backslash_quote = off', 'constraint_exclusion = on');

sub new
{
	my ($class, $node, $dbname, %params) = @_;
	my $self = bless { node => $node, dbname => $dbname, known => {}, %params }, $class;
	srand($self->{seed});
	$self->prepare;
	return $self;
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql($self->{dbname}, $sql); }
sub pick { my (@list) = @_; return $list[ int(rand(@list)) ]; }

# The functions from the catalog; a role of each kind; and how rows are counted.
sub prepare
{
	my ($self) = @_;
	my $rows = $self->sql(<<'SQL');
SET search_path = '';
SELECT p.oid::pg_catalog.regproc, pronargs - pronargdefaults,
       coalesce((SELECT string_agg(coalesce(p.proargnames[i], '') || '=' || format_type(p.proargtypes[i - 1], NULL), ';' ORDER BY i)
                 FROM generate_series(1, pronargs) AS i), '')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e' AND p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'capeai'
ORDER BY p.oid::pg_catalog.regprocedure::text COLLATE "C"
SQL
	for my $row (split /\n/, $rows)
	{
		my ($name, $needed, $arguments) = split /\|/, $row, 3;
		my @arguments = map { [ split /=/, $_, 2 ] } split /;/, $arguments;
		push @{ $self->{functions} }, { name => $name, needed => $needed, arguments => \@arguments };
	}
	my $counts = $self->sql(
		"SELECT string_agg(format('(SELECT count(*) FROM %s)', c.oid::regclass), ', ' ORDER BY relname)
		 FROM pg_class c WHERE relnamespace = 'capeai'::regnamespace AND relkind = 'r' AND NOT ($ASYNC)");
	$self->sql(<<"SQL");
DO \$\$ BEGIN CREATE ROLE bad_user; CREATE ROLE bad_admin; GRANT capeai_user TO bad_user; GRANT capeai_admin TO bad_admin;
EXCEPTION WHEN duplicate_object THEN NULL; END \$\$;
CREATE SCHEMA bad_call;
GRANT USAGE ON SCHEMA bad_call TO PUBLIC;
CREATE FUNCTION bad_call.rows() RETURNS text LANGUAGE sql SECURITY DEFINER SET row_security = on
  RETURN concat_ws(' ', $counts);
-- Waits until the worker has done what is due.
CREATE FUNCTION bad_call.settle() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
  FOR i IN 1 .. 1000 LOOP
    EXIT WHEN NOT EXISTS (SELECT FROM capeai.tasks WHERE status = 'running' OR status = 'queued' AND run_at <= clock_timestamp())
              AND NOT EXISTS (SELECT FROM capeai.task_signals);
    PERFORM pg_sleep(0.01);
  END LOOP;
END \$\$;
SQL
	return;
}

# One value for an argument, as SQL.
sub value
{
	my ($self, $name, $type, $depth) = @_;
	return 'NULL' if rand() < 0.08;
	if ($name eq 'path')
	{
		return pick(map { CapeAI::Cluster::quote($_) } @{ $self->{known}{path} }, '', 'relative', '/nonexistent', '/dev/null', "/\n");
	}
	if (my ($element) = $type =~ /^(.*)\[\]$/)
	{
		return pick("ARRAY[NULL]::$type", "'{}'::$type", "array_fill(NULL::$element, ARRAY[2, 2])", "array_fill(NULL::$element, ARRAY[20000])",
			"'[7:7]={NULL}'::$type", "array_fill(" . $self->value('', $element, 1) . "::$element, ARRAY[2, 2])") if rand() < 0.4;
		return 'ARRAY[' . join(', ', map { $self->value('', $element, 1) } 1 .. 1 + int(rand(4))) . "]::$type";
	}
	my @known = @{ $self->{known}{$type} // [] };
	return pick(@known) if @known && rand() < 0.4;
	return pick(@{ $NAMED{$name} }) if $NAMED{$name} && rand() < 0.4;
	my @values = @{ $VALUES{$type} // die "no values for arguments of type $type: add some to CapeAI::BadCalls" };
	push @values, $self->texts if $type eq 'text';
	return pick(@values) . ($type eq 'text' || $depth ? "::$type" : '');
}

# Text that is odd in this database's encoding.
sub texts
{
	my ($self) = @_;
	return @{ $self->{odd_texts} } if $self->{odd_texts};
	my $encoding = $self->sql('SHOW server_encoding');
	my @texts = map { "E'$_'" } q{\xff\xfe}, q{\xc3\x28}, q{\xed\xa0\x80}, q{\xf4\x90\x80\x80}, q{x\xe9};
	push @texts, map { "E'$_'" } q{\U0010FFFF}, q{\u202E\u200B\uFEFF}, q{\U000E0069}, q{e\u0301\u0327}, q{\ufdd0} if $encoding eq 'UTF8';
	push @texts, 'chr(233)', 'repeat(chr(255), 300)' if $encoding =~ /^LATIN|^WIN|^SQL_ASCII/;
	$self->{odd_texts} = \@texts;
	return @texts;
}

# A manifest with one thing changed, which comes further than most objects.
sub manifest
{
	my ($self) = @_;
	my @members = qw(slug name version description visibility steps model knowledge prompts input_schema output_schema limits
	  unsupported_policy tests status changelog tools redact);
	my $base = q{(SELECT v.manifest || '{"slug": "bad-call", "visibility": "private"}' FROM capeai.agent_versions v
	  JOIN capeai.agents a ON a.id = v.agent_id WHERE a.slug = 'cape-ai-guide' ORDER BY v.version LIMIT 1)};
	return "jsonb_set($base, '{" . pick(@members) . "}', " . $self->value('', 'jsonb', 1) . ')';
}

sub call
{
	my ($self, $function) = @_;
	my @parts;
	my @arguments = @{ $function->{arguments} };
	for my $i (0 .. $#arguments)
	{
		my ($name, $type) = @{ $arguments[$i] };
		my $optional = $i >= $function->{needed};
		next if $optional && rand() < 0.6;
		my $value = $name eq 'manifest' && rand() < 0.7 ? $self->manifest : $self->value($name, $type, 0);
		push @parts, $optional && $name ne '' ? "$name => $value" : $value;
	}
	return "$function->{name}(" . join(', ', @parts) . ')';
}

sub large_calls
{
	my ($self) = @_;
	my %large = (text => 'l.t', jsonb => 'l.j');
	my @calls;
	for my $function (@{ $self->{functions} })
	{
		my @arguments = @{ $function->{arguments} };
		for my $at (grep { $large{ $arguments[$_][1] } } 0 .. $#arguments)
		{
			my @parts;
			for my $i (0 .. $#arguments)
			{
				my ($name, $type) = @{ $arguments[$i] };
				next if $i != $at && $i >= $function->{needed};
				my $plain = $NAMED{$name} ? $NAMED{$name}[0] : $VALUES{$type} ? "$VALUES{$type}[0]::$type" : "'{}'::$type";
				push @parts, ($i >= $function->{needed} ? "$name => " : '') . ($i == $at ? $large{$type} : $plain);
			}
			push @calls, "bad_call.large AS l, $function->{name}(" . join(', ', @parts) . ')';
		}
	}
	return @calls;
}

sub session_head
{
	my ($self) = @_;
	my $limit = $self->{limit} // '1s';
	my $sql = "RESET ROLE; RESET ALL; SET statement_timeout = '$limit'; SET client_min_messages = error;\n";
	$sql .= "SET search_path = public, pg_temp;\n";
	$sql .= 'SET ' . pick(@SETTINGS) . ";\n" for 1 .. int(rand(3));
	my $role = pick('', '', 'bad_user', 'bad_admin');
	return $sql . ($role ? "SET ROLE $role;\n" : '');
}

# Runs $count calls, each function in turn; a list of what came of them.
sub run
{
	my ($self, $count) = @_;
	my @functions = @{ $self->{functions} };
	return $self->results(map { $self->call($functions[ $_ % @functions ]) } 0 .. $count - 1);
}

# Every argument that may be large, given one of $bytes that is stored: who reads it before looking at its size
# uses that much memory. {peak_kilobytes} is then what the session used at most.
sub run_large
{
	my ($self, $bytes) = @_;
	my $json_bytes = $bytes < 200_000_000 ? $bytes : 200_000_000;
	$self->sql("CREATE TABLE bad_call.large_text AS SELECT repeat('x', $bytes) AS t;
		CREATE TABLE bad_call.large_json AS SELECT jsonb_build_object('query', repeat('x', $json_bytes)) AS j;
		CREATE VIEW bad_call.large AS SELECT t, j FROM bad_call.large_text, bad_call.large_json;
		GRANT SELECT ON bad_call.large TO PUBLIC");
	local $self->{limit} = '20s';
	return $self->results($self->large_calls);
}

sub results
{
	my ($self, @calls) = @_;
	my $script = "SET client_encoding = 'SQL_ASCII';\n\\set before x\n";
	for my $n (0 .. $#calls)
	{
		$script .= $self->session_head if $n % 25 == 0;
		my $commit = $calls[$n] =~ $COMMITTED && rand() < 0.2;
		my $in_list = $calls[$n] !~ /^bad_call/ && rand() < 0.5;
		my $statement = 'SELECT count(f::text) FROM ' . ($in_list ? "(SELECT $calls[$n] AS f) AS x" : "$calls[$n] AS f");
		$script .= "SELECT bad_call.rows() AS before \\gset\n";
		$script .= "BEGIN;\n" unless $commit;
		$script .= "\\warn \@call $n\n$statement;\n\\set state :SQLSTATE\n";
		$script .= $commit ? "SELECT bad_call.settle();\n" : "ROLLBACK;\n";
		$script .= "SELECT bad_call.rows() AS after \\gset\n\\warn \@done $n :state :'before' :'after'\n";
	}
	$script .= "RESET ROLE;\nSELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)') AS peak \\gset\n\\warn \@peak :peak\n";
	my ($out, $err);
	local $ENV{PGOPTIONS} = '';
	IPC::Run::run([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $self->{node}->connstr($self->{dbname}), '-f', '-' ],
		'<', \$script, '>', \$out, '2>', \$err);
	($self->{peak_kilobytes}) = $err =~ /^\@peak (\d+)$/m;
	return map { $self->result($_, $calls[$_], $err) } 0 .. $#calls;
}

sub result
{
	my ($self, $n, $call, $err) = @_;
	my $result = { call => $call, sqlstate => 'lost', message => '', wrote => 0 };
	my ($message, $state, $before, $after) = $err =~ /^\@call $n\n(.*?)^\@done $n (\S+) '([^']*)' '([^']*)'$/ms or return $result;
	return { %$result, sqlstate => $state, message => $message, wrote => $state ne '00000' && $before ne $after ? 1 : 0 };
}

1;
