# Many documents in one transaction: what has piled up in the index is looked at ever more rarely, so that the
# cost of a document does not grow with what the transaction has done before. Counted in index entries read,
# which are the same in every run.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Cluster;

my $node = CapeAI::Cluster->start_new('main');
my $documents = 3000;

# Entries of the piles' indexes that a statement reads, for each document.
sub reads_of
{
	my ($sql) = @_;
	my $read = q{SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + coalesce((SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index i
		WHERE i.indrelid = c.oid), 0)) FROM pg_class c WHERE c.relname IN ('index_pending', 'index_dead') AND c.relnamespace = 'capeai'::regnamespace};
	my $out = $node->safe_psql('postgres', "BEGIN; $sql; $read; COMMIT");
	my @lines = split /\n/, $out;
	return $lines[-1] / $documents;
}

my $text = q{'Part ' || i || ' about backups: they are taken every night.'};
my $added = reads_of("SELECT count(capeai_add_document('Page ' || i, $text, collection => 'many')) FROM generate_series(1, $documents) AS i");
cmp_ok($added, '<', 40, "adding $documents: $added entries read for each");

my $found = q{SELECT count(*) FROM capeai_search('backups night', collection => 'many')};
cmp_ok($node->safe_psql('postgres', $found), '>', 0, 'they are found');

my $removed = reads_of('SELECT count(capeai_remove_document(id)) FROM capeai.documents');
cmp_ok($removed, '<', 80, "removing them: $removed entries read for each");
is($node->safe_psql('postgres', $found), '0', 'nothing of them is found');

# The index goes on as ever: what is added now is found, and alone.
$node->safe_psql('postgres', q{SELECT capeai_add_document('Last', 'The night of the backups.', collection => 'many')});
is($node->safe_psql('postgres', $found), '1', 'what is added afterwards is');

$node->stop;
done_testing();
