# TLS to the model's server: nghttpx stands before the mock with certificates made here. What is not signed by an
# authority in capeai.ca_file, for that host, valid now and over TLS 1.2 at least is refused before the key is sent.
use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

for my $program (qw(openssl nghttpx))
{
	die "$program is missing: make test installs it (tools/setup)" if system("command -v $program >/dev/null 2>&1 || test -x /usr/sbin/$program") != 0;
}
local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_attempts = 1\n");
my $folder = $node->basedir;

# --- two authorities, and certificates of theirs
sub openssl { system_or_bail('sh', '-c', "openssl @_ >>$folder/openssl.log 2>&1"); return; }
my $ec = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
openssl("req -x509 $ec -keyout $folder/$_.key -out $folder/$_.crt -days 2 -subj /CN=$_ -addext basicConstraints=critical,CA:TRUE") for qw(ours other);
sub certificate
{
	my ($name, $authority, $for, $validity) = @_;
	append_to_file("$folder/$name.ext", "subjectAltName=$for\n");
	openssl("req -new $ec -keyout $folder/$name.key -out $folder/$name.csr -subj /CN=localhost");
	my ($fields, @when) = ("-CA $folder/$authority.crt -CAkey $folder/$authority.key", '-days 2');
	if ($validity)
	{
		# openssl x509 of Debian 12 takes no dates; openssl ca does.
		append_to_file("$folder/index.txt", '') unless -e "$folder/index.txt";
		append_to_file("$folder/$name.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=$folder/index.txt\nnew_certs_dir=$folder\nserial=$folder/serial\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n");
		append_to_file("$folder/serial", '01') unless -e "$folder/serial";
		openssl("ca -batch -config $folder/$name.cnf -cert $folder/$authority.crt -keyfile $folder/$authority.key -in $folder/$name.csr -out $folder/$name.crt -extfile $folder/$name.ext $validity");
		return;
	}
	openssl("x509 -req -in $folder/$name.csr $fields -CAcreateserial -out $folder/$name.crt -extfile $folder/$name.ext @when");
	return;
}
certificate('good', 'ours', 'IP:127.0.0.1,DNS:localhost');
certificate('stranger', 'other', 'IP:127.0.0.1,DNS:localhost');
certificate('elsewhere', 'ours', 'DNS:api.example.com');
certificate('expired', 'ours', 'IP:127.0.0.1,DNS:localhost', '-startdate 20200101000000Z -enddate 20200201000000Z');
certificate('early', 'ours', 'IP:127.0.0.1,DNS:localhost', '-startdate 20900101000000Z -enddate 20910101000000Z');

# --- nghttpx with one of them; ends with the test
my @fronts;
END { my $status = $?; kill('TERM', $_) && waitpid($_, 0) for @fronts; $? = $status; }
sub front
{
	my ($name, @options) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $pid = fork() // die 'fork';
	if ($pid == 0)
	{
		open(STDOUT, '>>', "$folder/nghttpx.log");
		open(STDERR, '>&', \*STDOUT);
		exec('nghttpx', '--conf=/dev/null', "-f127.0.0.1,$port", '-b127.0.0.1,' . $mock->port, "$folder/$name.key", "$folder/$name.crt", '--no-ocsp', '--workers=1', "--errorlog-file=$folder/nghttpx.log", @options)
		  or POSIX::_exit(1);
	}
	push @fronts, $pid;
	$node->wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }, 20) || die "nghttpx with $name did not start";
	return $port;
}

sub set { my (%settings) = @_; $node->safe_psql('postgres', "ALTER SYSTEM SET $_ = " . CapeAI::Cluster::quote($settings{$_})) for sort keys %settings; $node->reload; return; }
sub becomes
{
	my ($url, $ca, $pattern, $name) = @_;
	my @last;
	$mock->reset;
	set('capeai.base_url' => $url, 'capeai.ca_file' => $ca);
	ok($node->wait_until(sub { @last = $node->error_of("SELECT capeai_ask('x', agent => 'chat', timeout => '10 s')"); join(' ', @last) =~ $pattern }, 20), $name) || diag("@last");
	return;
}
sub unsent { is(scalar(my @seen = $mock->requests('')), 0, 'nothing was sent'); return; }
my $ca = "$folder/ours.crt";

my $good = front('good');
becomes("https://127.0.0.1:$good/v1", $ca, qr/^00000/, 'a certificate of our authority');
becomes("https://localhost:$good/v1", $ca, qr/^00000/, 'by its name');
my $task = $node->submit('chat', { query => 'over TLS' }, stream => 'true');
is($node->wait_task($task), 'succeeded', 'a task that streams');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT length(capeai_ask('x' || i, agent => 'chat'))) > 0 FROM generate_series(1, 20) i}), 't', 'many, one after the other');
becomes("https://127.0.0.1:$good/v1", '', qr/^08006 .*certificate/i, "the system's authorities do not know it");
unsent();
becomes("https://127.0.0.1:$good/v1", "$folder/other.crt", qr/^08006 .*certificate/i, 'nor does another');
unsent();

for my $case ([ 'stranger', 'signed by another authority' ], [ 'elsewhere', 'for another host' ], [ 'expired', 'expired' ], [ 'early', 'not yet valid' ])
{
	my $port = front($case->[0]);
	becomes("https://127.0.0.1:$port/v1", $ca, qr/^08006 .*(certificate|subject)/i, "a certificate $case->[1]");
	unsent();
}

my $old = front('good', '--tls-min-proto-version=TLSv1.0', '--tls-max-proto-version=TLSv1.1', '--ciphers=ALL:@SECLEVEL=0');
becomes("https://127.0.0.1:$old/v1", $ca, qr/^08006 /, 'TLS 1.1 is not spoken');
unsent();
my $least = front('good', '--tls-min-proto-version=TLSv1.2', '--tls-max-proto-version=TLSv1.2');
becomes("https://127.0.0.1:$least/v1", $ca, qr/^00000/, 'TLS 1.2 is');
my $newest = front('good', '--tls-min-proto-version=TLSv1.3', '--tls-max-proto-version=TLSv1.3');
becomes("https://127.0.0.1:$newest/v1", $ca, qr/^00000/, 'TLS 1.3 as well');

# --- the file of authorities itself
becomes("https://127.0.0.1:$good/v1", "$folder/nowhere.crt", qr/^55000 capeai\.ca_file: is not a file/, 'a file that is not there');
system_or_bail('mkfifo', "$folder/fifo");
becomes("https://127.0.0.1:$good/v1", "$folder/fifo", qr/^55000 capeai\.ca_file: is not a file/, 'a FIFO holds up nobody');
append_to_file("$folder/rubbish.crt", "rubbish\n");
becomes("https://127.0.0.1:$good/v1", "$folder/rubbish.crt", qr/^08006 /, 'a file without certificates trusts nobody');
unsent();
becomes("https://127.0.0.1:$good/v1", $ca, qr/^00000/, 'put right, it works again');

$node->finish;
done_testing();
