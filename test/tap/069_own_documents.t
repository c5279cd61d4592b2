# What `make demo` does: the Guide, without a model, over this project's own documentation. New users' questions must
# be answered by the section that answers them, and questions about other things must not be answered.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use CapeAI::Cluster;

my $node = CapeAI::Cluster->start_new('main');
for my $file ('README.md', glob 'docs/*.md')
{
	my $content = slurp_file($file);
	my ($title) = $content =~ /^# (.*)/m;
	$node->safe_psql('postgres', 'SELECT capeai_add_document(' . join(', ', map { CapeAI::Cluster::quote($_) } $title, $content, $file) . ')');
}

my @questions = (
	[ 'How do I add a whole directory of documents?' => qr/capeai_load_directory\('/ ],
	[ 'How do I upgrade the extension?' => qr/ALTER EXTENSION capeai UPDATE/ ],
	[ 'Which error code means the key is wrong?' => qr/^`auth_failed`/ ],
	[ 'How do I uninstall capeai?' => qr/^`DROP EXTENSION capeai;`/ ],
	[ 'How do I install capeai?' => qr/make install.*shared_preload_libraries/s ],
	[ 'Which PostgreSQL versions are supported?' => qr/15 to 18/ ],
	[ 'How do I cancel a running task?' => qr/capeai_cancel_task/ ],
	[ 'What is the default model?' => qr/gpt-4o-mini/ ],
	[ 'How do I change the model?' => qr/capeai\.model/ ],
	[ 'Can I use a local model?' => qr/capeai\.base_url.*llama/s ],
	[ 'How can I limit how much money is spent?' => qr/cost_per_day/ ],
	[ 'What happens if the server crashes while a task runs?' => qr/they run again/ ],
	[ 'Where is the API key stored?' => qr/capeai\.api_key_file/ ],
	[ 'How do I write my own agent?' => qr/capeai_create_agent/ ],
	[ 'How do I retry a failed task?' => qr/capeai_retry_task/ ],
	[ 'How long are finished tasks kept?' => qr/capeai\.retention/ ],
	[ 'Does it work on a standby?' => qr/capeai_search/ ],
	[ 'How do I run several questions at once?' => qr/capeai_ask_many/ ],
	[ 'How do I search the knowledge base?' => qr/capeai_search\('/ ],
	[ 'How do I get embeddings?' => qr/capeai_embed/ ],
	[ 'What does CA429 mean?' => qr/too many requests/ ],
	[ 'How do I schedule a task for later?' => qr/run_at => / ],
	[ 'What privileges does a user need?' => qr/GRANT capeai_user TO alice(?!.*come with the extension:)/s ],
	[ 'How do I back up my data?' => qr/^`pg_dump` takes/ ],
	[ 'What is a collection?' => qr/^A collection is a set of documents/ ],
	[ 'How do I listen for progress?' => qr/capeai_channel/ ],
	[ 'How many tasks run at the same time?' => qr/^`capeai\.max_in_flight`/ ],
	[ 'How do I remove a document?' => qr/capeai_remove_document/ ]);
for (@questions)
{
	my ($question, $expected) = @$_;
	like($node->safe_psql('postgres', 'SELECT capeai_ask(' . CapeAI::Cluster::quote($question) . ')'), $expected, $question);
}
for my $question ('How do I bake a chocolate cake?', 'What is the capital of Mongolia?', 'Which cat breeds shed the least hair?')
{
	is($node->safe_psql('postgres', 'SELECT grounded FROM capeai_answer(' . CapeAI::Cluster::quote($question) . ')'), 'f', $question);
}

$node->finish;
done_testing();
