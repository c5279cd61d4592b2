# Rows are found by index, also with plans that were made while the tables were empty and that no ANALYZE has
# renewed: what a task costs does not grow with the queue, nor what a session asks.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new('--bodies', 0);
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => <<'CONF');
autovacuum = off
fsync = off
CONF

# Plans are made while there is next to nothing (more than five times each: PostgreSQL then takes the general one).
my $session = $node->background_psql('postgres');
my $first = $node->submit('chat', { query => 'first' });
$session->query_safe("SELECT capeai_wait('$first')") for 1 .. 12;
$node->wait_task($node->submit('chat', { query => "warm $_" })) for 1 .. 12;

my $tables = q{'{capeai.tasks,capeai.runs,capeai.audit_events}'::regclass[]};
sub read_whole
{
	return $node->safe_psql('postgres', "SELECT sum(pg_stat_get_tuples_returned(c)) FROM unnest($tables) c WHERE pg_stat_force_next_flush() IS NOT NULL OR true");
}
my $many = 5000;
my $before = read_whole();
$node->safe_psql('postgres', "SELECT count(*) FROM capeai_submit_tasks('chat', (SELECT array_agg(jsonb_build_object('query', 'number ' || i)) FROM generate_series(1, $many) i))");
ok($node->poll_query_until('postgres', "SELECT succeeded >= $many FROM capeai.stat_worker WHERE database = current_database()"), "$many tasks have ended");
$session->query_safe("SELECT capeai_wait('$first')") for 1 .. 20;
$session->quit;
$node->restart;    # the worker's counts are there when it has gone
my $read = read_whole() - $before;
note("rows read by scans of whole tables: $read");
cmp_ok($read, '<', 2 * $many, 'no table is read from end to end for each batch');

# Statistics may have been taken while there was next to nothing, as between the removal of all documents and an import.
my $documents = 3000;
sub rows_read
{
	my ($sql, @tables) = @_;
	my $list = join ', ', map { "'capeai.$_'::regclass" } @tables;
	my $read = "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_user_tables WHERE relid IN ($list)";
	my $was = $node->safe_psql('postgres', $read);
	$node->safe_psql('postgres', $sql);
	return $node->safe_psql('postgres', $read) - $was;
}
my $import = qq{SELECT count(capeai_add_document('Page ' || i, 'Part ' || i || ' of the %s ' || (SELECT string_agg(md5(i || '/' || n), ' ')
	FROM generate_series(1, 8) n))) FROM generate_series(1, $documents) AS i};
$node->safe_psql('postgres', sprintf($import, 'first'));
$node->safe_psql('postgres', q{SELECT count(capeai_remove_document(id)) FROM capeai.documents});
$node->safe_psql('postgres', 'ANALYZE capeai.passages, capeai.documents, capeai.index_pending, capeai.index_blocks, capeai.index_segments');
$read = rows_read(sprintf($import, 'second'), 'passages', 'documents');
cmp_ok($read, '<', 20 * $documents, "no document that is added reads all others ($read rows)");
my $question = q{SELECT capeai_ask('Which is the part of the secundo?')};
$read = rows_read($question, 'passages', 'documents');
cmp_ok($read, '<', $documents, "and no question ($read rows)");
my $blocks = $node->safe_psql('postgres', 'SELECT count(*) FROM capeai.index_blocks');
$read = rows_read($question, 'index_blocks');
cmp_ok($read, '<', $blocks / 2, "nor the whole vocabulary, for a word that is spelt wrongly ($read rows, $blocks blocks)");

done_testing();
