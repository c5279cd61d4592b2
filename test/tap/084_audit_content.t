# capeai.audit_content: how much of what people wrote stays once a task has ended.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock, conf => "capeai.audit_content = none\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }
# What is left of the word anywhere but in the product.
sub left { return sql("SELECT count(*) FROM (SELECT input_data::text x FROM capeai.tasks UNION ALL SELECT concat(input_data, output_data, error_details) FROM capeai.runs
	UNION ALL SELECT event_data::text FROM capeai.audit_events) t WHERE x LIKE '%nightingale%'"); }

for my $content (qw(none hash))
{
	$node->append_conf('postgresql.conf', "capeai.audit_content = $content");
	$node->reload;
	ok($node->poll_query_until('postgres', "SELECT current_setting('capeai.audit_content') = '$content'"), "capeai.audit_content = $content");
	my $asked = sql("SELECT task_id FROM capeai_answer('[[mock: echo]] nightingale', agent => 'chat')");
	like($node->task($asked, 'output_data'), qr/nightingale/, 'the answer stays: it is the product');
	my $retried = $node->submit('chat', { query => "[[mock: status=500,times=1]] [[tag:$content]] nightingale" });
	is($node->wait_task($retried), 'succeeded', 'a task that is tried twice');
	my $partial = $node->submit('chat', { query => '[[mock: truncate=3,text=nightingale%20nightingale%20nightingale]] x' }, stream => 'true', max_attempts => 1);
	is($node->wait_task($partial), 'failed', 'one that fails half-way');
	my $cancelled = $node->submit('chat', { query => 'nightingale' }, run_at => '2099-01-01');
	sql("SELECT capeai_cancel_task('$cancelled')");
	is($node->wait_task($cancelled), 'cancelled', 'and one that is cancelled before it ran');
	is(left(), 0, 'leave nothing of what was said');
	my $hashed = $content eq 'hash' ? 't' : 'f';
	is(sql("SELECT bool_and(coalesce(input_data ? 'sha256', false)) FROM capeai.runs WHERE task_id = '$retried'"), $hashed, "$content: their hashes in the steps");
	is(sql("SELECT event_data ->> 'input_sha256' = encode(sha256(convert_to('{\"query\": \"nightingale\"}', 'UTF8')), 'hex') FROM capeai.audit_events WHERE task_id = '$cancelled' AND event_type = 'content_hashed'"), $content eq 'hash' ? 't' : '', 'and of the input in the trail');
	$node->fails_with('55000', "SELECT capeai_retry_task('$retried')", 'it cannot be tried again');
}

$node->append_conf('postgresql.conf', 'capeai.audit_content = full');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('capeai.audit_content') = 'full'");
my $task = $node->submit('chat', { query => 'nightingale' });
$node->wait_task($task);
like($node->task($task, 'input_data'), qr/nightingale/, 'full: everything stays');
cmp_ok(left(), '>=', 2, 'also in the steps');

$node->finish;
done_testing();
