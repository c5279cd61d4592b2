# Where the server may be made to go: to public addresses, and to what the settings name. Names, addresses and what a
# resolver says are made up here (test/tap/preload/other_network.c): nothing leaves this machine.
use strict;
use warnings;

use Cwd ();
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $library = 'build/other_network.so';
die "$library is not built (make tap builds it)" unless -e $library;
my $mock = CapeAI::Mock->new;
my $port = $mock->port;
my $network = PostgreSQL::Test::Utils::tempdir() . '/network';
sub resolver { my (@lines) = @_; unlink $network; append_to_file($network, join('', map { "$_\n" } @lines)); return; }
resolver('api.test 8.8.8.8');
my $node;
{
	local $ENV{LD_PRELOAD} = Cwd::abs_path($library);
	local $ENV{CAPEAI_NETWORK} = $network;
	local ($ENV{http_proxy}, $ENV{HTTP_PROXY}, $ENV{ALL_PROXY}) = ('http://127.0.0.1:1') x 3;
	$node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.base_url = 'http://api.test:$port/v1'\ncapeai.max_attempts = 1\n");
}

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub ask { return $node->error_of("SELECT capeai_ask('x', agent => 'chat', timeout => '10 s')"); }
sub set
{
	my (%settings) = @_;
	sql("ALTER SYSTEM SET $_ = " . CapeAI::Cluster::quote($settings{$_})) for sort keys %settings;
	$node->reload;
	return;
}
# A reload is signalled, not awaited: the outcome that is expected comes in time, or the last one is shown.
sub becomes
{
	my ($pattern, $name) = @_;
	my @last;
	return ok($node->wait_until(sub { @last = ask(); join(' ', @last) =~ $pattern }, 20), $name) || diag("@last");
}
my $arrived = sub { return scalar($mock->requests('')) };

# --- a public address; not by a proxy that only the environment names
is((ask())[0], '00000', 'a name with a public address');

# --- the resolver changes its mind: the address is judged when it is connected to, not when the setting is made
$mock->default('reset=1');
ask();
$mock->default('');
my %forbidden = (
	'0.0.0.0' => 'unspecified', '0.1.2.3' => 'unspecified', '10.1.2.3' => 'private', '100.64.0.1' => 'shared', '100.100.100.200' => 'cloud metadata',
	'127.0.0.1' => 'loopback', '127.8.9.10' => 'loopback', '168.63.129.16' => 'cloud metadata', '169.254.1.1' => 'link-local',
	'169.254.169.254' => 'cloud metadata', '172.16.0.1' => 'private', '172.31.255.254' => 'private', '192.0.0.8' => 'IETF', '192.0.0.192' => 'cloud metadata',
	'192.0.2.1' => 'documentation', '192.88.99.1' => '6to4', '192.168.1.1' => 'private', '198.18.0.1' => 'benchmarking', '198.51.100.1' => 'documentation',
	'203.0.113.1' => 'documentation', '224.0.0.1' => 'multicast', '239.255.255.250' => 'multicast', '240.0.0.1' => 'reserved', '255.255.255.255' => 'reserved',
	'::' => 'unspecified', '::1' => 'loopback', '::ffff:127.0.0.1' => 'loopback', '::ffff:10.0.0.1' => 'private', '::ffff:169.254.169.254' => 'cloud metadata',
	'::127.0.0.1' => 'IPv4-compatible', '::ffff:0:127.0.0.1' => 'loopback', '64:ff9b::7f00:1' => 'loopback', '64:ff9b::a9fe:a9fe' => 'cloud metadata',
	'64:ff9b:1::1' => 'local-use NAT64', '100::1' => 'discard', '2001::1' => 'Teredo', '2001:db8::1' => 'documentation', '2002:7f00:1::' => '6to4', '2002:a00:1::1' => '6to4',
	'fc00::1' => 'unique local', 'fd00:ec2::254' => 'cloud metadata', 'fd12:3456::1' => 'unique local', 'fe80::1' => 'link-local', 'fec0::1' => 'site-local',
	'ff02::1' => 'multicast', '2001:470:1:2:0:5efe:10.0.0.1' => 'private', '3fff::1' => 'documentation', '5f00::1' => 'segment');
my $n = 0;
for my $address (sort keys %forbidden)
{
	# Each under a name of its own, so that neither a warm connection nor the memory of a name decides.
	my $name = 'a' . ++$n . '.test';
	resolver("$name $address");
	$mock->reset;
	set('capeai.base_url' => "http://$name:$port/v1");
	becomes(qr/^08006 .*not allowed: \S+ \(\Q$forbidden{$address}\E/, "$address is refused as $forbidden{$address}");
	is($arrived->(), 0, 'and nothing arrives there');
}
resolver('twice.test 10.0.0.1', 'twice.test 169.254.169.254');
set('capeai.base_url' => "http://twice.test:$port/v1");
becomes(qr/^08006 .*not allowed/, 'a name with several addresses, all forbidden');

# --- what settings name
resolver('private.test 10.1.2.3', 'metadata.test 169.254.169.254', 'evil.test 10.1.2.3');
set('capeai.base_url' => "http://private.test:$port/v1", 'capeai.allowed_hosts' => 'private.test, metadata.test');
becomes(qr/^00000/, 'a private address of a name in allowed_hosts');
set('capeai.base_url' => "http://metadata.test:$port/v1");
becomes(qr/^08006 .*cloud metadata/, 'but never link-local or metadata, whatever the name');
set('capeai.base_url' => "http://evil.test:$port/v1");
becomes(qr/^08006 .*private/, 'another name is not allowed');
set('capeai.allowed_hosts' => '');
for my $spelling ('0x7f.1', '2130706433', '127.1', '0177.0.0.1')
{
	set('capeai.base_url' => "http://$spelling:$port/v1");
	becomes(qr/^08006 /, "$spelling is no way to write 127.0.0.1");
}
for my $literal ("127.0.0.1:$port", "localhost:$port")
{
	set('capeai.base_url' => "http://$literal/v1");
	becomes(qr/^00000/, "$literal is its own permission");
}

# --- rebinding for real: the same name, first public, then not
resolver('rebound.test 8.8.4.4');
set('capeai.base_url' => "http://rebound.test:$port/v1");
becomes(qr/^00000/, 'a name, at first public');
# A worker keeps what a name meant for a minute, and its connections: another one has to ask anew.
sub another_worker
{
	my $pid = $node->worker_pid;
	sql("SELECT pg_terminate_backend($pid)");
	$node->wait_until(sub { my $now = $node->worker_pid; $now ne '' && $now ne $pid });
	$node->wait_for_worker;
	return;
}
resolver('rebound.test 127.0.0.1');
another_worker();
$mock->reset;
becomes(qr/^08006 .*loopback/, 'refused when it is looked up again and is not');
is($arrived->(), 0, 'nothing arrived');
resolver('rebound.test 8.8.4.4');
another_worker();
becomes(qr/^00000/, 'public again, it is allowed again');

# --- no redirect is followed, wherever it leads
set('capeai.base_url' => $mock->base_url);
becomes(qr/^00000/, 'the mock itself');
for my $to ('http://127.0.0.1:' . $port . '/v1/models', 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', 'gopher://127.0.0.1/', 'https://api.openai.com/')
{
	$mock->reset;
	my $at = $to =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
	my ($state, $message, $hint) = $node->error_of("SELECT capeai_ask('[[mock: redirect=$at]]', agent => 'chat')");
	is("$state $hint", 'CA302 Redirects are not followed; set capeai.base_url to the final address.', "a redirect to $to");
	is($arrived->(), 1, 'one request, and no other');
}

# --- only http and https; and only a superuser says where
for my $url ('file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1:70/', 'ldap://127.0.0.1/', '//127.0.0.1/', 'http://', 'http://user:pw@127.0.0.1/', 'http://127.0.0.1/?x')
{
	$node->fails_with('22023', "ALTER SYSTEM SET capeai.base_url = '$url'", "base_url $url");
}
sql('CREATE ROLE somebody LOGIN; GRANT capeai_user, capeai_admin TO somebody');
for my $setting (qw(base_url allowed_hosts proxy ca_file api_key_file organization project))
{
	my ($state) = $node->error_of("SET capeai.$setting = 'x'", connstr => $node->connstr('postgres') . ' user=somebody');
	like($state, qr/^(42501|55P02)$/, "capeai.$setting is not for an administrator of capeai to set: $state");
	$node->fails_with('42501', "ALTER SYSTEM SET capeai.$setting = ''", "nor with ALTER SYSTEM", connstr => $node->connstr('postgres') . ' user=somebody');
}

$node->finish;
done_testing();
