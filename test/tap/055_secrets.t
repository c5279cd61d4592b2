# The key is planted, everything that can be done is done with it, with the server as talkative as it can be, and
# then it is looked for: in the log, in statistics, settings, dumps, and every file of the server but its own.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

# Three keys, for three places to keep them; what is looked for is also any half of one.
my %key = map { $_ => "sk-planted-$_-" . join('', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 40) } qw(setting file environment typed wrong);
my $any = join '|', map { my ($rest) = /-(\w{40})$/; substr($rest, 0, 20), substr($rest, 20) } values %key;
sub key_free { my ($text, $name) = @_; local $Test::Builder::Level = 2; return ok($text !~ /$any/, $name) || diag('it has: ', $text =~ /(.{0,80}(?:$any).{0,20})/); }

delete $ENV{OPENAI_API_KEY};
my %mock = map { $_ => CapeAI::Mock->new('--key', $key{$_}) } qw(setting file environment);
my $node = CapeAI::Cluster->new('main');
$node->init(allows_streaming => 1);
my $statements = -e capture('pg_config', '--sharedir') . '/extension/pg_stat_statements.control';
my $file = $node->basedir . '/key';
sub capture { my ($out) = run_command([@_]); return $out; }
sub keep { my ($text, $mode) = @_; unlink $file; append_to_file($file, $text); chmod($mode // 0600, $file); return; }
keep("$key{file}\n");
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'capeai@{[ $statements ? ',pg_stat_statements' : '' ]}'
max_worker_processes = 15
wal_level = logical
log_min_messages = debug5
log_min_error_statement = debug5
log_statement = all
log_error_verbosity = verbose
log_duration = on
log_connections = on
log_disconnections = on
debug_print_parse = on
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
capeai.base_url = '@{[ $mock{setting}->base_url ]}'
capeai.api_key = '$key{setting}'
capeai.model = 'mock'
capeai.max_attempts = 1
CONF
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub set { my (%settings) = @_; sql("ALTER SYSTEM SET $_ = " . CapeAI::Cluster::quote($settings{$_})) for sort keys %settings; $node->reload; return; }
sub error { return ($node->error_of("SELECT capeai_ask('x', agent => 'chat')"))[$_[0]]; }
sub waits_for { my ($state, $name) = @_; return ok($node->wait_until(sub { error(0) eq $state }, 30), $name) || diag(join ' ', $node->error_of("SELECT capeai_ask('x', agent => 'chat')")); }

sql('CREATE EXTENSION capeai; CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN; CREATE ROLE app LOGIN; GRANT pg_monitor TO monitor; GRANT capeai_user TO app');
sql('CREATE EXTENSION pg_stat_statements') if $statements;
$node->wait_for_worker;
my $listener = $node->listen($node->safe_psql('postgres', 'SET ROLE app; SELECT capeai_user_channel()'));

# Everything that uses the key, and everything that goes wrong with it.
sub use_it
{
	my ($where) = @_;
	waits_for('00000', "$where: the key is used");
	my @said;
	for my $script ('', 'status=401', 'status=403', 'status=429,retry_after_ms=1', 'status=500,body=html', 'body=garbage,status=400', 'reset=10', 'truncate=20', 'error_in_stream')
	{
		my $query = CapeAI::Cluster::quote("x [[mock: $script]]");
		push @said, $node->psql('postgres', $_, on_error_stop => 0)
		  for "SELECT capeai_ask($query, agent => 'chat', timeout => '5 s')", "SELECT count(*) FROM capeai_stream($query, agent => 'chat', timeout => '5 s')",
		  "SELECT status, error_code, error_message FROM capeai_wait(capeai_submit_task('chat', jsonb_build_object('query', $query)), '0')";
	}
	push @said, $node->psql('postgres', q{SELECT capeai_chat('[{"role": "user", "content": "x"}]'); SELECT count(*) FROM capeai_embed('{x}'); SELECT * FROM capeai_health(); SELECT * FROM capeai.tasks; SELECT * FROM capeai.runs});
	$node->wait_idle;
	key_free(join("\n", map { $_ // '' } @said), "$where: nobody is told");
	return;
}

# Where it must not be.
sub look_for_it
{
	my ($where) = @_;
	# At debug3 the server itself writes down the environment that it was started in: documented.
	key_free(join("\n", grep { index($_, 'OPENAI_API_KEY=') < 0 } split /\n/, slurp_file($node->logfile)), "$where: not in the log");
	key_free($node->safe_psql('postgres', $_->[1], connstr => $node->connstr('postgres') . " user=$_->[0]"), "$where: $_->[0]: $_->[1]")
	  for [ 'postgres', 'SHOW ALL' ], [ 'postgres', 'SELECT * FROM pg_settings' ], [ 'postgres', q{SELECT current_setting('capeai.api_key')} ],
	  [ 'monitor', 'SELECT * FROM pg_settings' ], [ 'plain', 'SELECT * FROM pg_settings' ], [ 'plain', 'SHOW ALL' ],
	  [ 'postgres', 'SELECT * FROM pg_stat_activity' ], [ 'postgres', q{SELECT * FROM pg_show_all_settings()} ], [ 'postgres', 'SELECT * FROM pg_db_role_setting' ],
	  $statements ? [ 'postgres', 'SELECT * FROM pg_stat_statements' ] : ();
	key_free(capture('pg_dump', '-d', $node->connstr('postgres')), "$where: not in a dump");
	key_free(capture('pg_dumpall', '-d', $node->connstr('postgres')), "$where: not in a dump of all");
	$listener->poll;
	key_free(join(' ', $listener->payloads), "$where: not in notifications");
	sql('CHECKPOINT');
	my ($files) = run_command([ 'grep', '-rlaE', $any, '--exclude=postgresql*.conf', $node->data_dir ]);
	is($files, '', "$where: in no file of the server but its configuration");
	my @pids = split /\n/, sql("SELECT pid FROM pg_stat_activity");
	key_free(join('', map { eval { slurp_file("/proc/$_/cmdline") } // '' } @pids), "$where: in no command line");
	return;
}

use_it('capeai.api_key');
look_for_it('capeai.api_key');
is(sql('SHOW capeai.api_key'), '(set)', 'a superuser sees that it is set');
$node->fails_with('42501', 'SHOW capeai.api_key', 'another does not', connstr => $node->connstr('postgres') . ' user=plain');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name IN ('capeai.api_key', 'capeai.api_key_file', 'capeai.proxy', 'capeai.ca_file', 'capeai.allowed_hosts', 'capeai.audit_key_file')},
	connstr => $node->connstr('postgres') . ' user=plain'), 0, 'nor where it is');
$node->fails_with('42501', 'SELECT * FROM pg_file_settings', "the file's lines: plain", connstr => $node->connstr('postgres') . ' user=plain');
$node->fails_with('42501', 'SELECT * FROM pg_file_settings', "the file's lines: monitor", connstr => $node->connstr('postgres') . ' user=monitor');

# --- it is set in the file, or nowhere
for my $statement ("SET capeai.api_key = '$key{wrong}'", "ALTER ROLE app SET capeai.api_key = '$key{wrong}'", "ALTER DATABASE postgres SET capeai.api_key = '$key{wrong}'",
	"SELECT set_config('capeai.api_key', '$key{wrong}', false)")
{
	my ($state, $message) = $node->error_of("SET log_statement = none; SET log_min_error_statement = panic; SET log_duration = off; SET debug_print_parse = off; $statement");
	is($state, '55P02', ($statement =~ s/'sk.*?'/…/r) . ' is refused');
	key_free($message, 'and its message does not repeat it');
}
sql("SET log_statement = none; SET log_min_error_statement = panic; SET log_duration = off; SET debug_print_parse = off; ALTER SYSTEM SET capeai.api_key = '$key{typed}'");
$node->reload;
waits_for('CA401', 'ALTER SYSTEM sets another, which the server refuses');
my $told = error(1);
key_free($told, 'its message does not repeat it');
sql('SELECT pg_stat_statements_reset()') if $statements;  # ALTER SYSTEM is kept there as it was typed: documented
look_for_it('ALTER SYSTEM');
sql('ALTER SYSTEM RESET capeai.api_key');

# --- the file, and what it must be
sub refused
{
	my ($name, $message) = @_;
	$node->reload;
	$node->wait_until(sub { error(1) =~ /$message/ }, 20);
	return is(error(0) . ' ' . error(1), "55000 capeai.api_key_file: $message", "key file: $name");
}
$mock{file}->default('');
set('capeai.base_url' => $mock{file}->base_url, 'capeai.api_key_file' => $file);
use_it('capeai.api_key_file');
keep("$key{file}\n", 0644);
refused('others may read it', 'can be read by others');
keep("$key{file}\n", 0620);
refused('the group may write it', 'can be read by others');
keep('');
refused('empty', 'is empty');
keep(" \n\n");
refused('blank', 'is empty');
keep('k' x 4097);
refused('too large', 'is larger than 4 kB');
unlink $file;
refused('not there', 'cannot be opened');
mkdir $file;
refused('a directory', 'is not a regular file');
rmdir $file;
system('mkfifo', '-m', '600', $file) == 0 or die 'mkfifo';
refused('a FIFO, for which nobody waits', 'is not a regular file');
unlink $file;
symlink('/dev/null', $file);
refused('a device', 'is not a regular file');
unlink $file;
symlink('/etc/passwd', $file);
refused("somebody else's", 'belongs to another user');
unlink $file;
keep("$key{file}\r\nX-Injected: yes\n");
$node->reload;
ok($node->wait_until(sub { error(0) ne '00000' && error(1) !~ /another user/ }, 20), 'a key with a line break is not sent');
key_free(error(1), 'nor repeated');
unlink $file;
append_to_file("$file.target", $key{file});
chmod(0400, "$file.target");
symlink("$file.target", $file);
$node->reload;
waits_for('00000', 'a link to a file that is in order will do, mode 0400 too, without a line end');
unlink $file;
keep($key{wrong});
$node->reload;
waits_for('CA401', 'a file that is replaced counts after a reload');
keep($key{file});
$node->reload;
waits_for('00000', 'as often as it is');
look_for_it('capeai.api_key_file');

# --- a proxy's password is no business of those who ask
set('capeai.proxy' => 'http://user:hunter2@127.0.0.1:1');
$node->wait_until(sub { error(1) =~ /proxy/ }, 20);
like(error(1), qr/^capeai\.proxy: It must not contain a user/, 'a proxy with a password is refused');
unlike(error(1) . $node->health, qr/hunter2/, 'and not repeated to them');
set('capeai.proxy' => '');

# --- the server's environment
sql('ALTER SYSTEM RESET capeai.api_key_file; ALTER SYSTEM SET capeai.base_url = ' . CapeAI::Cluster::quote($mock{environment}->base_url));
my $conf = slurp_file($node->data_dir . '/postgresql.conf') =~ s/^capeai\.api_key = .*$//mr;
unlink $node->data_dir . '/postgresql.conf';
append_to_file($node->data_dir . '/postgresql.conf', $conf);
$listener->close;
$ENV{OPENAI_API_KEY} = $key{environment};
$node->restart;
$node->wait_for_worker;
$listener = $node->listen($node->safe_psql('postgres', 'SET ROLE app; SELECT capeai_user_channel()'));
use_it('OPENAI_API_KEY');
look_for_it('OPENAI_API_KEY');
$listener->close;
$node->stop;
key_free(capture('postgres', '-D', $node->data_dir, '-C', 'capeai.api_key') . capture('postgres', '-D', $node->data_dir, '--describe-config'), 'not told by the program');
is($node->log_faults, '', 'no crash in the server log');
done_testing();
