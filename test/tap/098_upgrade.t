# ALTER EXTENSION UPDATE from every version that was released gives what a fresh installation gives: the
# same objects, privileges, comments and shipped agents. And the comparison sees when it does not.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

# A copy of the PostgreSQL installation, to which the test may add versions of the extension.
my $tree = PostgreSQL::Test::Utils::tempdir();
chomp(my $bin = `pg_config --bindir`);
chomp(my $share = `pg_config --sharedir`);
chomp(my $library = `pg_config --pkglibdir`);
sub copied { my ($folder) = @_; make_path("$tree$folder"); return "$tree$folder"; }
system('cp', '-r', "$bin/.", copied($bin)) == 0 or die 'no copy of the programs';
system("cp -rs '$share/.' '" . copied($share) . "'") == 0 or die 'no copy of the shared files';
system("cp -rs '$library/.' '" . copied($library) . "'") == 0 or die 'no copy of the libraries' unless $library eq $bin;
my $extension = "$tree$share/extension";

# --- an older version, made up: the installed one without a function, a column, an index and a grant
my ($current) = slurp_file("$extension/capeai.control") =~ /default_version\s*=\s*'([^']+)'/;
my $script = slurp_file("$extension/capeai--$current.sql");
my $older = <<'SQL';
DROP FUNCTION @extschema@.capeai_user_channel();
DROP INDEX capeai.tasks_completed;
ALTER TABLE capeai.runs DROP COLUMN error_details;
REVOKE ALL ON capeai.runs FROM capeai_user;
COMMENT ON TABLE capeai.tasks IS 'an older text';
SQL
sub statement { my ($pattern) = @_; my ($text) = $script =~ /^(CREATE $pattern.*?;)$/ms or die "no $pattern in the script"; return $text; }
my ($comment) = $script =~ /^(COMMENT ON TABLE capeai\.tasks IS .*?;)$/ms or die 'no comment on tasks';
my @about_channel = $script =~ /^((?:COMMENT ON FUNCTION|REVOKE[^;]*?ON FUNCTION|GRANT[^;]*?ON FUNCTION) \@extschema\@\.capeai_user_channel\(\).*?;)$/mgs;
my @column_comment = $script =~ /^(COMMENT ON COLUMN capeai\.runs\.error_details IS .*?;)$/mgs;
my ($column) = $script =~ /CREATE TABLE capeai\.runs \(.*?^\s+(error_details .*?),$/ms or die 'no column';
my @newer = (statement('FUNCTION @extschema@\.capeai_user_channel\(\)'), @about_channel, statement('INDEX tasks_completed'),
	"ALTER TABLE capeai.runs ADD COLUMN $column;", @column_comment, $comment);

sub write_file { my ($file, @text) = @_; open(my $out, '>', $file) or die "$file: $!"; print $out join("\n", @text), "\n"; close $out; return; }
write_file("$extension/capeai--0.0.1.sql", $script, $older);
my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->new('main', install_path => "$tree" . dirname($bin));
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'capeai'\ncapeai.base_url = '" . $mock->base_url . "'\ncapeai.api_key = '" . $mock->key . "'\ncapeai.model = 'mock'\n");
$node->start;

my $snapshot = slurp_file('test/upgrade/snapshot.sql');
my $number = 0;
sub fresh_database { my $name = 'db' . ++$number; $node->safe_psql('postgres', "CREATE DATABASE $name"); return $name; }
sub lines_of { return map { $_ => 1 } split /\n/, $node->safe_psql($_[0], $snapshot); }
# Lines that only one of the two has.
sub differences
{
	my ($one, $other) = @_;
	my %one = lines_of($one);
	my %other = lines_of($other);
	return sort((map { "- $_" } grep { !$other{$_} } keys %one), (map { "+ $_" } grep { !$one{$_} } keys %other));
}

my $fresh = fresh_database();
$node->safe_psql($fresh, 'CREATE EXTENSION capeai');
my $same = fresh_database();
$node->safe_psql($same, 'CREATE EXTENSION capeai');
is_deeply([ differences($fresh, $same) ], [], 'two fresh installations are equal');
cmp_ok(scalar(split /\n/, $node->safe_psql($fresh, $snapshot)), '>', 300, 'and consist of many things');

# The privileges that the newer version brings: whatever they are in a fresh installation.
my $grants = $node->safe_psql($fresh, q{SELECT string_agg(format('GRANT %s ON %s TO %I;', a.privilege_type, o.name, a.grantee::regrole), E'\n')
	FROM (SELECT 'capeai.runs', relacl, ARRAY['capeai_user'] FROM pg_class WHERE oid = 'capeai.runs'::regclass
	      UNION ALL SELECT 'FUNCTION capeai_user_channel()', proacl, ARRAY['capeai_user', 'capeai_admin'] FROM pg_proc WHERE oid = 'capeai_user_channel()'::regprocedure) AS o (name, acl, roles),
	aclexplode(o.acl) a WHERE a.grantee <> 0 AND a.grantee::regrole::text = ANY (o.roles)});

# --- the older version, with tasks in it, updated
write_file("$extension/capeai--0.0.1--$current.sql", @newer, $grants);
my $updated = fresh_database();
$node->safe_psql($updated, "CREATE EXTENSION capeai VERSION '0.0.1'");
cmp_ok(scalar(my @differ = differences($fresh, $updated)), '>=', 6, 'an older version differs');
ok($node->poll_query_until($updated, "SELECT count(*) = 1 FROM capeai_health() WHERE component = 'worker' AND status ~ 'version'"), 'its worker is paused');
my (undef, $task) = $node->psql($updated, q{SELECT capeai_submit_task('chat', '{"query": "before the update"}')});
$node->safe_psql($updated, 'ALTER EXTENSION capeai UPDATE');
is_deeply([ differences($fresh, $updated) ], [], 'updated, it equals a fresh installation') || diag(join "\n", differences($fresh, $updated));
$node->wait_for_worker($updated);
is($node->safe_psql($updated, "SELECT status FROM capeai_wait('$task')"), 'succeeded', 'a task from before the update runs after it');

# --- an update that forgets something is found out
for my $what (qr/^CREATE INDEX/, qr/^COMMENT ON TABLE/)
{
	write_file("$extension/capeai--0.0.1--$current.sql", (grep { !/$what/ } @newer), $grants);
	my $bad = fresh_database();
	$node->safe_psql($bad, "CREATE EXTENSION capeai VERSION '0.0.1'; ALTER EXTENSION capeai UPDATE");
	cmp_ok(scalar(my @differ = differences($fresh, $bad)), '>', 0, "an update without its $what is found out");
}
write_file("$extension/capeai--0.0.1--$current.sql", @newer);
my $bad = fresh_database();
$node->safe_psql($bad, "CREATE EXTENSION capeai VERSION '0.0.1'; ALTER EXTENSION capeai UPDATE");
like(join("\n", differences($fresh, $bad)), qr/capeai\.runs.*acl/, 'so is one without its privileges');

# --- every version that was released
for my $version (split /\n/, $node->safe_psql('postgres', "SELECT version FROM pg_available_extension_versions WHERE name = 'capeai' AND version NOT IN ('0.0.1', '$current')"))
{
	my $database = fresh_database();
	$node->safe_psql($database, "CREATE EXTENSION capeai VERSION '$version'; ALTER EXTENSION capeai UPDATE");
	is_deeply([ differences($fresh, $database) ], [], "updated from $version it equals a fresh installation") || diag(join "\n", differences($fresh, $database));
}

$node->finish;
done_testing();
