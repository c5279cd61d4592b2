# Documents that the worker stores are the ones that PostgreSQL would have stored: to the byte, whatever their shape;
# and those that it claims reach the model as they were submitted. Both ways are capeai's own (src/pg/jsonb.cpp).
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

# An agent that shows the model its whole input.
$node->safe_psql('postgres', q{
	SELECT capeai_create_agent('{"slug": "shower", "name": "Shower", "version": "1.0.0", "steps": ["generate_response"],
		"prompts": {"user": "{{input}}"}}');
	SELECT capeai_publish_agent('shower', '1.0.0', force => true)});

# $sql, a jsonb, as the input of a queued task, and what of it stands in the prompt.
sub reaches_the_model
{
	my ($sql, $what) = @_;
	my $task = $node->safe_psql('postgres', "SELECT capeai_submit_task('shower', $sql)");
	is($node->wait_task($task), 'succeeded', "$what: claimed");
	my $seen = $node->safe_psql('postgres', qq{
		WITH prompt AS (SELECT input_data -> 'messages' -> -1 ->> 'content' AS said FROM capeai.runs WHERE task_id = '$task')
		SELECT (regexp_match(said, '<task-input [0-9a-f]+>\n(.*)\n</task-input'))[1]::jsonb = $sql FROM prompt});
	is($seen, 't', "$what: in the prompt");
	return;
}

# What becomes of $sql, a jsonb, as the context of an ask. Everything in it can be found, its size says that every
# entry is of the same kind and stands where PostgreSQL's own code has put it.
sub comes_through
{
	my ($sql, $what) = @_;
	my $seen = $node->safe_psql('postgres', qq{
		SELECT capeai_ask('How are you?', context => ($sql)) IS NOT NULL;
		WITH expected AS (SELECT $sql AS doc),
		     got AS (SELECT input_data -> 'context' AS doc FROM capeai.tasks ORDER BY id DESC LIMIT 1)
		SELECT g.doc = e.doc, g.doc::text = e.doc::text, pg_column_size(g.doc) = pg_column_size(e.doc || '{}'),
		       jsonb_hash_extended(g.doc, 0) = jsonb_hash_extended(e.doc, 0),
		       (SELECT coalesce(bool_and(g.doc -> key IS NOT DISTINCT FROM value), true) FROM jsonb_each(e.doc))
		FROM got g, expected e});
	is($seen, "t\nt|t|t|t|t", $what);
	reaches_the_model($sql, $what);
	return;
}

comes_through(q{'{}'::jsonb}, 'an empty object');
comes_through(q{'{"a": [], "b": {}, "c": [[], {}, [[[]]]], "": ""}'::jsonb}, 'empty containers, nested, and an empty key');
comes_through(q{'{"n": null, "t": true, "f": false, "zero": 0, "minus": -1, "large": 9223372036854775807,
	"least": -9223372036854775808, "real": 1.5, "tenth": 0.1, "tiny": 1e-7, "text": "x"}'::jsonb}, 'every kind of scalar');
comes_through(q{'{"aa": 1, "b": 2, "a": 3, "ab": 4, "B": 5, "\u00e4": 6, "\u6f22\u5b57": "Z\u00fcrich \" \\\\ \n"}'::jsonb},
	'keys in the order of jsonb: by length, then by bytes');
for my $n (1, 15, 16, 17, 31, 32, 33, 64, 65, 100)
{
	comes_through(qq{(SELECT jsonb_object_agg(repeat('k', i % 7) || i, CASE i % 4 WHEN 0 THEN to_jsonb(i)
		WHEN 1 THEN to_jsonb('v' || i) WHEN 2 THEN jsonb_build_array(i, 'x', null) ELSE jsonb_build_object('i', i) END)
		FROM generate_series(1, $n) i)}, "$n members");
	comes_through(qq{(SELECT jsonb_build_object('list', jsonb_agg(CASE i % 3 WHEN 0 THEN to_jsonb(i)
		WHEN 1 THEN to_jsonb(repeat('v', i % 50)) ELSE jsonb_build_array(i) END)) FROM generate_series(1, $n) i)},
		"$n elements");
}
comes_through(q{(SELECT jsonb_build_object('deep', (repeat('[{"a":', 28) || '1' || repeat('}]', 28))::jsonb))},
	'57 levels');
reaches_the_model(q{'{"small": -1.5e-30, "exact": 0.30000000000000004, "round": 100.0}'::jsonb},
	'reals');
comes_through(q{(SELECT jsonb_build_object('long', repeat('x', 20000), 'after', 1, repeat('k', 300), repeat('y', 255)))},
	'long texts and a long key');

# What is long enough to be compressed: by lz4, where the server has it and nobody has set something else.
sub compressed_by
{
	my ($name) = @_;
	is( $node->safe_psql('postgres', q{
		SELECT capeai_ask('What is long?', context => jsonb_build_object('long', repeat('long ', 4000))) IS NOT NULL;
		SELECT pg_column_compression(input_data) FROM capeai.tasks ORDER BY id DESC LIMIT 1}), "t\n$name", $name);
	return;
}

SKIP:
{
	my $has = $node->safe_psql('postgres',
		"SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'");
	skip 'the server was built without lz4', 2 if $has ne 't';
	compressed_by('lz4');
	$node->append_conf('postgresql.conf', "default_toast_compression = pglz\n");
	$node->restart;
	compressed_by('pglz');
}

done_testing();
