# capeai.worker_memory: beyond it the responses under way are read one after the other,
# and all of them to their end.
use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock,
	conf => "capeai.worker_memory = 16MB\ncapeai.max_response_size = 64MB\n");

# 30 MB in five pieces, one each second: after the third the memory is used up, and
# with the fourth it is the one that may go on.
my $piece = 6_000_000;
my $large = $node->submit('chat', { query => "[[mock: tokens=7500000,chunk=$piece,delay=1000]] x" }, stream => 'true');
my $listener = $node->listen($node->safe_psql('postgres', "SELECT capeai_channel('$large')"));
ok($node->wait_until(sub { $listener->poll; sum0(map { length } $listener->payloads) > 3.5 * $piece }), 'four pieces have come');
my $small = $node->submit('chat', { query => 'Hello' });
is($node->wait_task($small), 'succeeded', 'a small one ends');
is($node->wait_task($large), 'succeeded', 'the large one, too');
is($node->task($large, "length(output_data ->> 'response') > 4 * $piece"), 't', 'with all that it brought');
is($node->task($small, "completed_at > (SELECT completed_at FROM capeai.tasks WHERE id = '$large')"), 't',
	'the small one waited for it');

$listener->close;
$node->finish;
done_testing();
