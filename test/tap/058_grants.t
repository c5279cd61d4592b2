# docs/security.md, "Without the roles": the statements there are enough, and give no more than is said.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Mock;
use CapeAI::Cluster;

my ($grants) = slurp_file("docs/security.md") =~ /^### Without the roles\n(?:(?!^```).*\n)*^```sql\n(.*?)^```/ms;
ok($grants, 'the page has the statements');
my $mock = CapeAI::Mock->new;
my $node = CapeAI::Cluster->start_new('main', mock => $mock);
$node->safe_psql('postgres', "CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; GRANT capeai_user TO other; $grants");
sub app { return $node->safe_psql('postgres', $_[0], connstr => $node->connstr('postgres') . ' user=app'); }

$node->submit('chat', { query => 'of the superuser' });
like(app(q{SELECT capeai_ask('Hello', agent => 'chat')}), qr/Hello/, 'it asks');
my $task = app(q{SELECT capeai_submit_task('chat', '{"query": "x"}')});
is(app("SELECT status FROM capeai_wait('$task')"), 'succeeded', 'submits and waits');
is(app('SELECT count(*) FROM capeai_search(\'x\')'), 0, 'searches');
is(app('SELECT count(*) FROM capeai.tasks'), 2, 'and sees its own tasks');
cmp_ok(app('SELECT count(*) FROM capeai.runs'), '>', 0, 'with their steps');
is(app("SELECT capeai_cancel_task('$task')"), 'f', 'of which it may cancel those that have not ended');
$node->fails_with('42501', $_, $_, connstr => $node->connstr('postgres') . ' user=app')
  for 'SELECT count(*) FROM capeai.audit_events', q{SELECT capeai_chat('[]')}, q{SELECT capeai_add_document('x', 'y')}, 'SELECT capeai_adopt_tasks()';

$node->finish;
done_testing();
