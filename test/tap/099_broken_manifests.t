# A thousand broken manifests, the same ones for the same seed: each is refused with what is wrong with it and where,
# and nothing of it is stored.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Cluster;

my $wanted = $ENV{CAPEAI_TEST_LONG} ? 10_000 : 1_000;
my $seed = $ENV{CAPEAI_TEST_SEED} // 7;
srand($seed);
note("CAPEAI_TEST_SEED=$seed");

no warnings 'recursion';
my $json = JSON::PP->new->utf8->canonical->allow_nonref->max_depth(10_000);
my $whole = $json->decode(slurp_file('agents/cape-ai-guide/manifest.json'));
$whole->{tests} = [ @{ $json->decode(slurp_file('agents/cape-ai-guide/tests.json')) }[ 0, 30, 40, 45 ] ];
$whole->{visibility} = 'private';
$whole->{status} = 'draft';

sub pick { return $_[ int rand @_ ]; }

# Values that are at home nowhere in particular.
sub stray
{
	return pick(
		JSON::PP::null, JSON::PP::true, 0, -1, 1e300, 0.5, 2147483648, '', ' ', 'x', "\n\t", "\x{1}\x{7f}", "\x{feff}\x{202e}", "\x{1F600}" x 100,
		'{{query}}', '{{}}', '{{' x 1000, '}}{{nonsense}}', '{{system}}', 'x' x 300, 'x' x 200_000, '(', '[a-', '(?P<x', '(a*)*$' x 50, "'; DROP TABLE capeai.agents; --",
		'../..', '1.0', '01.2.3', '1.0.0+build', '9' x 50 . '.0.0', [], {}, [ [] ], [ ('generate_response') x 3 ], { '' => '' }, { '$ref' => '#' },
		{ '$ref' => '#/nowhere' }, { type => 'thing' }, { type => 'object', properties => { a => { '$ref' => '#' } } }, { anyOf => [] }, { minimum => 'x' },
		{ pattern => '(' }, { type => [ 'string', 'strong' ] }, deep(70), deep(700), [ map { { name => 'same', input => {}, expect => { grounded => JSON::PP::true } } } 1 .. 3 ]);
}
sub deep { my ($levels) = @_; my $value = 1; $value = pick({ not => $value }, [$value], { properties => { a => $value } }) for 1 .. $levels; return $value; }

# A container somewhere in the document, the nearer the likelier.
sub place
{
	my ($at) = @_;
	while (1)
	{
		my @inner = grep { ref } ref $at eq 'HASH' ? map { $at->{$_} } sort keys %$at : ref $at eq 'ARRAY' ? @$at : ();
		return $at if !@inner || rand() < 0.35;
		$at = pick(@inner);
	}
}

sub spoil
{
	my ($manifest) = @_;
	my $at = place($manifest);
	if (ref $at eq 'ARRAY')
	{
		my $index = int rand(@$at + 1);
		my $way = pick(qw(put insert cut double turn));
		if ($way eq 'put') { $at->[$index] = stray(); }
		elsif ($way eq 'insert') { splice(@$at, $index, 0, stray()); }
		elsif ($way eq 'cut') { splice(@$at, $index, 1) if $index < @$at; }
		elsif ($way eq 'double') { push @$at, @$at; }
		else { @$at = reverse @$at; }
		return;
	}
	return if ref $at ne 'HASH';
	my $name = pick(sort(keys %$at), 'slug', 'knowledge', 'tests', 'x');
	my $way = pick(qw(put put put drop rename add));
	if ($way eq 'put') { $at->{$name} = stray(); }
	elsif ($way eq 'drop') { delete $at->{$name}; }
	elsif ($way eq 'rename') { $at->{ $name . pick('x', ' ', '/', '~', '') } = delete $at->{$name} if exists $at->{$name}; }
	else { $at->{ pick('x', 'Slug', '', '/', 'a~b', "\x{e9}", 'k' x 1000, 'constructor') } = stray(); }
	return;
}

my @manifests = map {
	my $manifest = $json->decode($json->encode($whole));
	$manifest->{slug} = "broken-$_";
	spoil($manifest) for 1 .. pick(1, 1, 2, 3, 8);
	$json->encode($manifest);
} 1 .. int($wanted * 1.6);
push @manifests, map { $json->encode($_) } JSON::PP::null, JSON::PP::true, 7, 'x', [], {}, deep(3000), $whole->{steps};

my $node = CapeAI::Cluster->start_new('main');
my $file = "$PostgreSQL::Test::Utils::tmp_check/manifests.txt";
open(my $out, '>:raw', $file) or die "$file: $!";
print $out join("\n", map { s/\\/\\\\/gr } @manifests), "\n";
close($out);

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE manifest (id int GENERATED ALWAYS AS IDENTITY, content text, problems int, pointers boolean, checked text, created text);
COPY manifest (content) FROM '$file';
CREATE FUNCTION try_manifest(m manifest, OUT problems int, OUT pointers boolean, OUT checked text, OUT created text) LANGUAGE plpgsql AS \$\$
DECLARE source jsonb;
BEGIN
  checked := '00000';
  created := '00000';
  BEGIN
    source := m.content::jsonb;
  EXCEPTION WHEN OTHERS THEN checked := 'no jsonb'; RETURN;
  END;
  BEGIN
    SELECT count(*), bool_and(pointer = '' OR pointer LIKE '/%' AND problem <> '') INTO problems, pointers FROM capeai_validate_agent(source);
  EXCEPTION WHEN OTHERS THEN checked := SQLSTATE;
  END;
  BEGIN
    PERFORM capeai_create_agent(source);
  EXCEPTION WHEN OTHERS THEN created := SQLSTATE;
  END;
END \$\$;
UPDATE manifest m SET (problems, pointers, checked, created) = (SELECT t.problems, t.pointers, t.checked, t.created FROM try_manifest(m) t);
SQL
sub sql { return $node->safe_psql('postgres', $_[0]); }

my $refused = sql("SELECT count(*) FROM manifest WHERE created = '22023'");
cmp_ok($refused, '>=', $wanted, "$wanted broken manifests and more are refused");
is(sql("SELECT string_agg(DISTINCT checked || ' ' || created, ', ' ORDER BY checked || ' ' || created) FROM manifest WHERE checked <> 'no jsonb'"),
	'00000 00000, 00000 22023, 22023 22023', 'checking gives rows or 22023, creating nothing but 22023');
is(sql("SELECT count(*) FROM manifest WHERE created = '22023' AND checked = '00000' AND problems = 0"), 0, 'what is refused has problems');
is(sql("SELECT count(*) FROM manifest WHERE created = '00000' AND problems > 0"), 0, 'and what has problems is refused');
is(sql("SELECT count(*) FROM manifest WHERE problems > 0 AND NOT pointers"), 0, 'each problem has a pointer and a text');
is(sql("SELECT (SELECT count(*) FROM capeai.agents WHERE owner IS NOT NULL) = count(DISTINCT content::jsonb ->> 'slug')
	FROM manifest WHERE created = '00000' AND checked = '00000'"), 't', 'nothing of what was refused is stored');
is(sql("SELECT count(*) FROM capeai.audit_events WHERE event_type LIKE 'agent%'"),
	sql("SELECT count(*) FROM (SELECT content::jsonb IS DISTINCT FROM lag(content::jsonb) OVER (PARTITION BY content::jsonb ->> 'slug',
			content::jsonb ->> 'version' ORDER BY id) AS anew
		FROM manifest WHERE created = '00000' AND checked = '00000') m WHERE anew"), 'nor in the trail, where the same again leaves no row');
note("$refused refused, of " . scalar(@manifests));

$node->finish;
done_testing();
