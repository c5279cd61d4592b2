# Several databases, of several encodings, and statements that need one for themselves while
# tasks are running in it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub in { my ($dbname, $sql) = @_; return $node->safe_psql($dbname, $sql); }
sub submit_in { my ($dbname, $query) = @_; return in($dbname, "SELECT capeai_submit_task('chat', " . CapeAI::Cluster::quote(qq({"query":"$query"})) . ')'); }
sub status_in { my ($dbname, $task) = @_; return in($dbname, "SELECT status FROM capeai_wait('$task', '60 s')"); }
sub running_in { my ($dbname) = @_; return $node->poll_query_until($dbname, "SELECT count(*) = 1 FROM capeai.tasks WHERE status = 'running'"); }

# --- two at once; a worker comes with CREATE EXTENSION, without a restart
in('postgres', 'CREATE DATABASE one');
my $start = time();
in('one', 'CREATE EXTENSION capeai');
$node->wait_for_worker('one');
cmp_ok(time() - $start, '<', 10, 'a worker comes with CREATE EXTENSION');
$mock->reset;
my @tasks = map { [ $_, submit_in($_, "$_ [[mock: latency=1500]]") ] } qw(postgres one);
is(status_in(@$_), 'succeeded', "a task in database $_->[0]") for @tasks;
is($mock->report(0)->{peak_in_flight}, 2, 'both at the same time');
is(in('one', 'SELECT count(*) FROM capeai.tasks'), 1, 'each has its own');
is(in('postgres', 'SELECT count(DISTINCT pid) FROM capeai.stat_worker'), 2, 'two workers');

# --- a rolled back CREATE EXTENSION, and one after a start that found none
in('postgres', 'CREATE DATABASE two');
in('two', 'BEGIN; CREATE EXTENSION capeai; ROLLBACK');
in('two', 'CREATE EXTENSION capeai');
$node->wait_for_worker('two');
is(status_in('two', submit_in('two', 'here')), 'succeeded', 'CREATE EXTENSION at the second try');

# --- the worker of one database is ended at once after it came: it comes again
in('two', 'DROP EXTENSION capeai');
in('two', 'CREATE EXTENSION capeai');
$node->wait_until(sub { my $pid = $node->worker_pid('two'); $pid && in('postgres', "SELECT pg_terminate_backend($pid)") eq 't' }) for 1 .. 3;
$node->wait_for_worker('two');
is(status_in('two', submit_in('two', 'and here')), 'succeeded', 'a worker that is ended again and again comes back');
in('postgres', 'DROP DATABASE two');

# --- statements that need the database for themselves
mkdir($node->basedir . '/space');
in('postgres', q{CREATE TABLESPACE space LOCATION '} . $node->basedir . q{/space'});
my $task = submit_in('one', '[[mock: latency=1500]] moved');
running_in('one');
$start = time();
in('postgres', 'ALTER DATABASE one SET TABLESPACE space');
cmp_ok(time() - $start, '<', 15, 'SET TABLESPACE while a task is running');
$node->wait_for_worker('one');
is(status_in('one', $task), 'succeeded', 'which is run again afterwards');
$task = submit_in('one', '[[tag:template]] [[mock: latency=2500]]');
running_in('one');
$start = time();
in('postgres', 'CREATE DATABASE clone TEMPLATE one');
$node->wait_for_worker($_) for qw(one clone);
cmp_ok(time() - $start, '<', 15, 'CREATE DATABASE ... TEMPLATE while a task is running; the copy has a worker soon');
is(status_in('one', $task), 'succeeded', 'the task is run in the original');
is(in('clone', "SELECT status FROM capeai.tasks WHERE id = '$task'") =~ /^(queued|running)$/ ? 'waits' : 'not', 'waits', 'the copy of it waits');
like(in('clone', "SELECT detail FROM capeai_health() WHERE component = 'queue'"), qr/capeai_adopt_tasks/, 'and health says what to do');
is(status_in('clone', submit_in('clone', 'own')), 'succeeded', 'a task of its own the copy runs');
is(in('clone', 'SELECT capeai_adopt_tasks()'), 1, 'capeai_adopt_tasks');
is(status_in('clone', $task), 'succeeded', 'runs the copy, too');
$task = submit_in('clone', '[[mock: hang]]');
running_in('clone');
in('postgres', 'DROP DATABASE clone WITH (FORCE)');
ok($node->wait_until(sub { $mock->report(0)->{in_flight} == 0 }), 'DROP DATABASE WITH (FORCE) drops the requests');
my ($sqlstate) = $node->error_of('DROP DATABASE nowhere');
is($sqlstate, '3D000', 'DROP DATABASE of one that is not there');
in('postgres', 'DROP DATABASE IF EXISTS nowhere');
in('postgres', 'CREATE ROLE somebody');
$node->fails_with('42501', 'SET ROLE somebody; DROP DATABASE one', 'DROP DATABASE by a stranger');
is(status_in('one', submit_in('one', 'still here')), 'succeeded', 'leaves its worker alone');
my $session = $node->background_psql('one');
$node->fails_with('55006', 'DROP DATABASE one', 'DROP DATABASE while somebody is connected');
$node->wait_for_worker('one');
is(status_in('one', submit_in('one', 'here again')), 'succeeded', 'the worker comes back when the statement fails');
$session->quit;

# --- encodings: what cannot be stored is replaced, and marked
my $text = "Gr\x{fc}\x{df}e \x{1F600} \x{2603} A%00B";
utf8::encode($text);
my $encoded = $text =~ s/([^A-Za-z0-9%])/sprintf('%%%02X', ord $1)/ger;
for my $case ([ 'latin', 'LATIN1', "Gr\xfc\xdfe ? ? A" ], [ 'ascii', 'SQL_ASCII', $text =~ s/%00.*//r ])
{
	my ($dbname, $encoding, $expected) = @$case;
	in('postgres', "CREATE DATABASE $dbname TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	in($dbname, 'CREATE EXTENSION capeai');
	$node->wait_for_worker($dbname);
	$mock->default("text=$encoded");
	$task = submit_in($dbname, 'Say it');
	is(status_in($dbname, $task), 'succeeded', "an answer that $encoding cannot hold");
	my $hex = in($dbname, "SELECT encode(convert_to(output_data ->> 'response', getdatabaseencoding()), 'hex') FROM capeai.tasks WHERE id = '$task'");
	like($hex, qr/^\Q@{[ unpack 'H*', $expected ]}\E/, 'is stored as far as it can be');
	is(in($dbname, "SELECT event_data ->> 'lossy' FROM capeai.audit_events WHERE task_id = '$task' AND event_type = 'succeeded'"), 'true', 'and marked as lossy');
	my $asked = in($dbname, "SELECT encode(convert_to(capeai_ask('Say it', agent => 'chat'), getdatabaseencoding()), 'hex')");
	like($asked, qr/^\Q@{[ unpack 'H*', $expected ]}\E/, 'capeai_ask gives the same');
	$mock->default("text=$encoded,chunk=4");
	$task = in($dbname, q{SELECT capeai_submit_task('chat', '{"query":"stream"}', stream => true, run_at => now() + interval '700 ms')});
	my $listener = $node->listen(in($dbname, "SELECT capeai_channel('$task')"), $dbname);
	ok($listener->wait_for_end, 'a stream of it ends');
	is(status_in($dbname, $task), 'succeeded', 'as succeeded');
	$listener->close;
	$mock->default('');
	is(in($dbname, "SELECT count(*) FROM capeai_search('restart')"), 0, 'searching there');
}

# --- an input in the database's encoding reaches the model as UTF-8
in('latin', "SET client_encoding = 'UTF8'; SELECT capeai_ask('[[tag:umlaut]] Gr\xc3\xbc\xc3\x9fe', agent => 'chat')");
my ($request) = $mock->requests('umlaut', 1);
like($request->{body}, qr/Gr(\xfc|\\u00fc)(\xdf|\\u00df)e|Gr\xc3\xbc\xc3\x9fe/, 'text of a LATIN1 database is sent as UTF-8');

$node->finish;
done_testing();
