# Copies of a database by pg_upgrade and by logical replication: the tasks in them wait until
# capeai_adopt_tasks(), so that no copy asks the model again for what its parent asks.
use strict;
use warnings;

use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $settings = "shared_preload_libraries = 'capeai'\ncapeai.base_url = '" . $mock->base_url . "'\ncapeai.api_key = '" . $mock->key
  . "'\ncapeai.model = 'mock'\ncapeai.fallback_interval = 1s\n";
sub seen { my ($tag) = @_; my @requests = $mock->requests($tag); return scalar @requests; }
sub waits_for_adoption
{
	my ($node, $count, $what) = @_;
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component = 'queue' AND status = 'copied tasks wait' AND (detail ->> 'of_other_installations')::int = $count"),
		"$what: health says that $count tasks wait") || diag($node->health);
	like($node->safe_psql('postgres', q{SELECT detail ->> 'hint' FROM capeai_health() WHERE component = 'queue'}), qr/capeai_adopt_tasks/, "$what: and what to do");
	return;
}

# --- the cluster that is copied
my $old = CapeAI::Cluster->new('old');
$old->init(allows_streaming => 'logical');
$old->append_conf('postgresql.conf', "$settings");
$old->start;
$old->safe_psql('postgres', 'CREATE EXTENSION capeai');
$old->wait_for_worker;
my $done = $old->submit('chat', { query => '[[tag:done]] done before' });
is($old->wait_task($done), 'succeeded', 'a task is done in the original');
$old->append_conf('postgresql.conf', "capeai.enabled = off\n");
$old->reload;
$old->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai_health() WHERE component = 'worker' AND status <> 'ok'");
my $queued = $old->safe_psql('postgres', q{SET client_min_messages = error; SELECT capeai_submit_task('chat', '{"query": "[[tag:queued]] not yet"}')});

# --- logical replication of the tasks into another cluster
my $replica = CapeAI::Cluster->new('replica');
$replica->init;
$replica->append_conf('postgresql.conf', $settings);
$replica->start;
$replica->safe_psql('postgres', 'CREATE EXTENSION capeai');
$replica->wait_for_worker;
$old->safe_psql('postgres', 'CREATE PUBLICATION tasks FOR TABLE capeai.tasks, capeai.runs');
$replica->safe_psql('postgres', "CREATE SUBSCRIPTION tasks CONNECTION '" . $old->connstr . " dbname=postgres' PUBLICATION tasks");
ok($replica->poll_query_until('postgres', "SELECT count(*) = 1 FROM capeai.tasks WHERE id = '$queued'"), 'logical replication: the task arrives');
waits_for_adoption($replica, 1, 'logical replication');
my $own = $replica->submit('chat', { query => '[[tag:own]] of its own' });
is($replica->wait_task($own), 'succeeded', 'logical replication: a task of its own runs');
is($replica->task($queued, 'status'), 'queued', 'the replicated one waits');
is(seen('queued'), 0, 'and the model was not asked');
$replica->safe_psql('postgres', 'DROP SUBSCRIPTION tasks');
is($replica->safe_psql('postgres', 'SELECT capeai_adopt_tasks()'), 1, 'logical replication: capeai_adopt_tasks');
is($replica->wait_task($queued), 'succeeded', 'runs it there');
is(seen('queued'), 1, 'once');
$replica->finish;
$old->safe_psql('postgres', 'DROP PUBLICATION tasks');

# --- pg_upgrade: in its mode nothing of ours starts
$old->stop;
my $new = CapeAI::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', $settings);
chomp(my $bin = `pg_config --bindir`);
my $folder = PostgreSQL::Test::Utils::tempdir();
my @upgrade = ('pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host, '-p', $old->port, '-P', $new->port);
chdir $folder or die $!;
is(system(@upgrade, '--check'), 0, 'pg_upgrade --check');
is(system(@upgrade), 0, 'pg_upgrade');
my $log = join('', map { slurp_file($_) } $old->logfile, glob($new->data_dir . '/pg_upgrade_output.d/*/log/*'));
unlike($log, qr/capeai worker.*(?:binary|upgrade)/, 'no worker in binary-upgrade mode');
$new->start;
$new->wait_for_worker;
is($new->task($done, 'status'), 'succeeded', 'pg_upgrade: what was done is there');
waits_for_adoption($new, 1, 'pg_upgrade');
is(seen('queued'), 1, 'the model was not asked again');
is($new->safe_psql('postgres', 'SELECT capeai_adopt_tasks()'), 1, 'pg_upgrade: capeai_adopt_tasks');
is($new->wait_task($queued), 'succeeded', 'runs it');
like($new->safe_psql('postgres', "SELECT capeai_ask('after the upgrade', agent => 'chat')"), qr/upgrade/, 'asking works');

$new->finish;
done_testing();
