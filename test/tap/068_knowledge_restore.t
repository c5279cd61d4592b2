# The knowledge base in a dump: after pg_dump and pg_restore the same questions find the same passages with the same
# scores, in collections with text search configurations of their own, first without the index and then with it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Cluster;

my $node = CapeAI::Cluster->start_new('main');
my $dump = PostgreSQL::Test::Utils::tempdir . '/knowledge.dump';
my $hits = q{SELECT d.url, h.heading, round(h.score::numeric, 4) FROM };
my @searches = map { "$hits $_ AS h JOIN capeai.documents AS d ON d.id = h.document_id ORDER BY h.score DESC, d.url" } (
	q{capeai_search('how do I make a backup', max_results => 10)},
	q{capeai_search('bakcup restoring', max_results => 10)},
	q{capeai_search('identical twin')},
	q{capeai_search('w1 w5 w33', 'many', 20)},
	q{capeai_search('Haus', 'deutsch')},
	q{capeai_search('the', 'verbatim')},
	q{capeai_search('houses', 'verbatim')});

sub results { my ($database) = @_; return map { $node->safe_psql($database, $_) } @searches; }

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', <<'SQL');
CREATE EXTENSION capeai;
CREATE SCHEMA own;
CREATE TEXT SEARCH CONFIGURATION own."Exactly so" (COPY = pg_catalog.simple);
SELECT capeai_create_collection('deutsch', 'german'), capeai_create_collection('verbatim', 'own."Exactly so"', 64, 8);
SELECT capeai_add_document('Backups', E'# Backups\n\nUse pg_dump to make a backup.\n\n## Restoring\n\nUse pg_restore.', '/backup');
SELECT capeai_add_document('One', 'Identical words.', '/one'), capeai_add_document('Two', 'Identical words.', '/two'),
       capeai_add_document('Family', 'See [the twin](two).', '/family');
SELECT capeai_add_document('Häuser', 'Die Häuser stehen leer.', '/haus', collection => 'deutsch');
SELECT capeai_add_document('The house', 'The houses are empty.', '/house', collection => 'verbatim');
SELECT count(capeai_add_document('t' || n % 5, (SELECT string_agg('w' || n * i * i % 97, ' ') FROM generate_series(1, 20) AS i),
                                 n::text, collection => 'many')) FROM generate_series(1, 1500) AS n;
SELECT capeai_remove_document(id) FROM capeai.documents WHERE url = '77';
SQL
my @before = results('source');
isnt($before[$_], '', "search $_ finds something") for 0 .. 5;
like($before[6], qr{^/house}, 'verbatim words are found as they are');
like($before[2], qr{^/two.*^/one}ms, 'what links say counts');

command_ok([ 'pg_dump', '--format=custom', "--file=$dump", $node->connstr('source') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE target');
command_ok([ 'pg_restore', '--exit-on-error', '--dbname=' . $node->connstr('target'), $dump ], 'pg_restore');

is($node->safe_psql('target', 'SELECT count(*) FROM capeai.index_segments'), '0', 'the index is not dumped');
is_deeply([ results('target') ], \@before, 'search finds the same by the passages');
is($node->safe_psql('target', 'SELECT name, config, passage_tokens FROM capeai.collections ORDER BY name COLLATE "C"'),
	$node->safe_psql('source', 'SELECT name, config, passage_tokens FROM capeai.collections ORDER BY name COLLATE "C"'),
	'collections keep their configurations');

# The same document again costs nothing, as before the dump; the next one of a collection makes its index anew.
$node->safe_psql('target', <<'SQL');
SELECT capeai_add_document('The house', 'The houses are empty.', '/house', collection => 'verbatim');
SELECT capeai_remove_document(capeai_add_document('x', 'x', 'x', collection => name)) FROM capeai.collections;
SQL
is($node->safe_psql('target', 'SELECT count(*) FROM capeai.collections LEFT JOIN capeai.index_state AS s ON s.collection_id = id WHERE s IS NULL'),
	'0', 'every collection is indexed again');
isnt($node->safe_psql('target', 'SELECT count(*) FROM capeai.index_segments'), '0', 'in segments');
is_deeply([ results('target') ], \@before, 'search finds the same by the index');

$node->finish;
done_testing();
