# Embeddings: order, batches, what is recorded, and errors.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# --- vectors, in order
is(sql("SELECT ordinal, cardinality(embedding) FROM capeai_embed(ARRAY['red apples', 'green pears'])"), "1|1536\n2|1536", 'one vector each');
is(sql(q{SELECT a.embedding = b.embedding, a.embedding = c.embedding FROM
	(SELECT embedding FROM capeai_embed(ARRAY['red apples'])) a,
	(SELECT embedding FROM capeai_embed(ARRAY['green pears', 'red apples']) WHERE ordinal = 2) b,
	(SELECT embedding FROM capeai_embed(ARRAY['green pears'])) c}), 't|f', 'the same text has the same vector');
my ($request) = $mock->request(GET => '/_mock/requests?body=1')->{json}[0];
my $body = decode_json($request->{body});
is("$request->{path} $body->{model} $body->{encoding_format}", '/v1/embeddings text-embedding-3-small base64', 'what is sent');
my $direct = $mock->request(POST => '/v1/embeddings', { model => 'm', input => [ 'red apples' ] })->{json}{data}[0]{embedding};
is(sql('SELECT count(*) FROM capeai_embed(ARRAY[' . q{'red apples'} . ']) e, unnest(e.embedding, ARRAY[' . join(',', @$direct) . ']::real[]) AS u(a, b) WHERE abs(a - b) < 1e-6'),
	1536, 'every number is the one that the model gave');

# --- batches, several in flight, in order
$mock->reset;
is(sql(q{SELECT count(*), bool_and(ordinal = n), count(DISTINCT md5(embedding::text)) > 900
	FROM (SELECT ordinal, embedding, row_number() OVER () AS n
	      FROM capeai_embed(ARRAY(SELECT 'text number ' || i || ' word' || i FROM generate_series(1, 1000) i), 'mock:jitter=200')) e}),
	'1000|t|t', 'a thousand inputs');
my @requests = $mock->requests('', 1);
is(scalar(@requests), 4, 'in four requests');
cmp_ok($mock->report(0)->{peak_in_flight}, '>', 1, 'at the same time');
my @sent = map { @{ decode_json($_->{body})->{input} } } @requests;
is(scalar(@sent), 1000, 'each input once');
is(join(' ', map { $_->{authorized} ? 1 : 0 } @requests), '1 1 1 1', 'with the key');
my $probe = sql("SELECT embedding FROM capeai_embed(ARRAY['text number 777 word777'])");
is(sql(qq{SELECT embedding = '$probe' FROM capeai_embed(ARRAY(SELECT 'text number ' || i || ' word' || i FROM generate_series(1, 1000) i)) WHERE ordinal = 777}),
	't', 'each vector belongs to its input');
$mock->reset;
sql("SELECT count(*) FROM capeai_embed(ARRAY(SELECT repeat('long text ', 30000) FROM generate_series(1, 6)))");
cmp_ok($mock->report(0)->{requests}, '>', 1, 'long inputs make smaller batches');

# --- what is recorded: the call and its cost, not the vectors
sql("SELECT count(*) FROM capeai_embed(ARRAY['one', 'two'])");
my $last = "(SELECT id FROM capeai.tasks ORDER BY id DESC LIMIT 1)";
is(sql("SELECT a.slug, t.kind, t.status, t.model, t.prompt_tokens > 0, t.usage ->> 'source', t.output_data
	FROM capeai.tasks t JOIN capeai.agents a ON a.id = t.agent_id WHERE t.id = $last"),
	'chat|ask|succeeded|text-embedding-3-small|t|reported|{"vectors": 2, "dimensions": 1536}', 'a task of agent chat');
is(sql("SELECT step_name, status, input_data, output_data FROM capeai.runs WHERE task_id = $last"),
	'embed|succeeded|{"model": "text-embedding-3-small", "inputs": 2}|{"vectors": 2, "dimensions": 1536}', 'with one step');
is(sql("SELECT string_agg(event_type, ' ' ORDER BY id) FROM capeai.audit_events WHERE task_id = $last"), 'asked succeeded', 'and its audit');
$mock->default('usage=none');
sql("SELECT count(*) FROM capeai_embed(ARRAY['one two three four'])");
is(sql("SELECT prompt_tokens > 0, usage ->> 'source' FROM capeai.tasks WHERE id = $last"), 't|estimated', 'a server that reports no usage');
$mock->reset;

# --- errors
for my $case ([ 'NULL', '22023', 'no array' ], [ "ARRAY['a', NULL]", '22023', 'an input that is null' ], [ "ARRAY['a', '']", '22023', 'an empty input' ],
	[ "ARRAY[repeat('x', 2000000)]", '22023', 'an input that is too large' ], [ "ARRAY['a'], ''", '22023', 'an empty model' ],
	[ "ARRAY['a'], 'mock:status=401'", 'CA401', 'a key that is refused' ], [ "ARRAY['a'], 'mock:body=garbage'", 'CA200', 'a reply that is garbage' ],
	[ "ARRAY['a'], 'mock:body=quota'", 'CA429', 'a quota that is used up' ], [ "ARRAY['a'], 'mock:reset=0'", '08006', 'a connection that breaks' ],
	[ "ARRAY['a'], 'mock:status=503,times=1'", '00000', 'a 503 is tried again' ])
{
	my ($arguments, $sqlstate, $name) = @$case;
	$node->fails_with($sqlstate, "SELECT count(*) FROM capeai_embed($arguments)", $name);
}
is(sql("SELECT count(*) FROM capeai_embed('{}')"), 0, 'no inputs, no rows');
$node->fails_with('57014', "SET statement_timeout = '500 ms'; SELECT count(*) FROM capeai_embed(ARRAY['a'], 'mock:hang')", 'cancelled');
ok($node->wait_until(sub { $mock->report(0)->{in_flight} == 0 }, 10), 'the request was dropped');
ok($node->poll_query_until('postgres', "SELECT status = 'cancelled' FROM capeai.tasks WHERE id = $last"), 'its task is cancelled');
$node->fails_with('CA401', "SELECT count(*) FROM capeai_embed(ARRAY(SELECT 'x' || i FROM generate_series(1, 3000) i), 'mock:status=401')", 'one batch that fails fails the statement');

$node->finish;
done_testing();
