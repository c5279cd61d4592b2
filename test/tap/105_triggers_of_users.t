# A DBA's own trigger on capeai.tasks calls capeai's functions, and so runs them in the worker, in the middle of
# the statement that writes how attempts ended. The worker's other hand rests meanwhile.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.max_in_flight = 200\n");
my $tasks = 3000;

$node->safe_psql('postgres', q{
	CREATE FUNCTION follow_up() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
	BEGIN
		PERFORM capeai_submit_task('chat', jsonb_build_object('query', 'After ' || (new.input_data ->> 'query')), title => 'second');
		RETURN NULL;
	END $$;
	CREATE TRIGGER follow_up AFTER UPDATE OF status ON capeai.tasks FOR EACH ROW
		WHEN (new.status = 'succeeded' AND new.title = 'first') EXECUTE FUNCTION follow_up()});
my $pid = $node->worker_pid;
$node->safe_psql('postgres', qq{SELECT count(capeai_submit_task('chat', jsonb_build_object('query', 'Question ' || i), title => 'first'))
	FROM generate_series(1, $tasks) AS i});
my $ended = q{SELECT count(*) FROM capeai.tasks WHERE status = 'succeeded'};
ok($node->wait_until(sub { $node->safe_psql('postgres', $ended) == 2 * $tasks }), 'every task has ended, and what follows it')
	or diag($node->safe_psql('postgres', $ended));
is($node->safe_psql('postgres', q{SELECT count(*) FROM capeai.tasks WHERE title = 'second' AND input_data ->> 'query' ~ '^After Question \d+$'}),
	$tasks, 'with the input of its own');
is($node->worker_pid, $pid, 'in one worker, which is alive');

$node->finish;
done_testing();
