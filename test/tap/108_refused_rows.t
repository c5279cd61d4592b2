# A row that cannot be stored, as a DBA's trigger may have it, keeps nobody else from being answered: neither one of
# an ask, which then fails and leaves nothing behind, nor one of how a task ended.
use strict;
use warnings;

use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF new.user_id = 'unwanted' THEN
			RAISE EXCEPTION 'no rows of %', new.user_id USING ERRCODE = 'check_violation', HINT = 'Be somebody else.';
		END IF;
		RETURN new;
	END $$;
	CREATE TRIGGER refuse BEFORE INSERT ON capeai.tasks FOR EACH ROW EXECUTE FUNCTION refuse()});

my $beside = $node->background_psql('postgres');
$beside->query_until(qr/asking/, q{\echo asking
	SELECT capeai_ask('[[mock: latency=500]] welcome', agent => 'chat', user_id => 'welcome');
});
my ($status, $out, $error) = $node->psql('postgres', q{
	\set VERBOSITY verbose
	SELECT capeai_ask('hello', agent => 'chat', user_id => 'unwanted', timeout => '20s')});
like($error, qr/23514: the question cannot be stored: no rows of unwanted/, 'whoever asks is told why');
like($error, qr/HINT:  Be somebody else\./, 'with the hint');
is(sql(q{SELECT count(*) FROM capeai.tasks WHERE user_id = 'unwanted'}), 0, 'nothing is left of it');
is(sql(q{SELECT count(*) FROM capeai.audit_events WHERE user_id = 'unwanted'}), 0, 'nor in the audit trail');
like(sql(q{SELECT capeai_ask('hello again', agent => 'chat', user_id => 'welcome', timeout => '20s')}), qr/./, 'others are answered');
is($node->wait_task($node->submit('chat', { query => 'queued' })), 'succeeded', 'and tasks run');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM capeai.tasks WHERE kind = 'ask' AND status = 'succeeded' AND user_id = 'welcome'}),
	'also one that was asked beside it');
$beside->quit;

# --- a task that cannot be claimed keeps nobody from ending
my @running = map { $node->submit('chat', { query => "[[tag:running]] $_ [[mock: latency=1000]]" }) } 1 .. 3;
ok($node->wait_until(sub { my @seen = $mock->requests('running'); @seen == 3 }), 'three requests under way');
sql(q{CREATE TRIGGER refuse_claim BEFORE UPDATE ON capeai.tasks FOR EACH ROW
	WHEN (new.status = 'running' AND old.status = 'queued' AND new.user_id = 'unwanted') EXECUTE FUNCTION refuse();
	ALTER TABLE capeai.tasks DISABLE TRIGGER refuse});
my $unwanted = $node->submit('chat', { query => 'never' }, user_id => 'unwanted');
is($node->wait_task($_, 20), 'succeeded', 'a task that was under way ends') for @running;
is($node->task($unwanted, 'status'), 'queued', 'the other waits');
sql('DROP TRIGGER refuse_claim ON capeai.tasks');
is($node->wait_task($unwanted, 20), 'succeeded', 'until it can be claimed');

$node->finish;
done_testing();
