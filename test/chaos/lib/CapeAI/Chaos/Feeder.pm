# A process that submits tasks in every way there is, and writes down, outside of the database, what
# the server said of each: one JSON line {tag, fate, …} before, with fate 'unknown', and one after.
#
#   fate: committed  the server said so          absent    it was rolled back (also: never to be committed)
#         unknown    the connection died first   prepared  PREPARE TRANSACTION was confirmed
#
# The last line about a tag counts. Every task's query carries its [[tag:…]], so that the database and
# the mock's own log can be asked for it.
package CapeAI::Chaos::Feeder;

use strict;
use warnings;

use JSON::PP;
use Time::HiRes qw(time usleep);

use CapeAI::Chaos::Session;

my $json = JSON::PP->new->canonical;

# name => [weight, method]
my %ways = (
	autocommit => [ 20, \&autocommit ],
	transaction => [ 12, \&transaction ],
	rollback => [ 8, \&rollback ],
	subtransactions => [ 8, \&subtransactions ],
	error => [ 4, \&error ],
	prepare => [ 6, \&prepare ],
	finish_prepared => [ 6, \&finish_prepared ],
	cancel => [ 10, \&cancel ],
	key_twice => [ 8, \&key_twice ],
	batch => [ 5, \&batch ],
	dependency => [ 5, \&dependency ]);

# Forks; the child works until it gets SIGTERM. Returns its pid.
sub start
{
	my ($class, %params) = @_;    # name, seed, connstr, journal, asks (instead of tasks)
	my $pid = fork() // die "fork: $!";
	return $pid if $pid;
	my $stop = 0;
	local $SIG{TERM} = sub { $stop = 1 };
	srand($params{seed});
	CORE::open(my $journal, '>>', $params{journal}) or die "$params{journal}: $!";
	my $self = bless { %params, out => $journal, number => 0, prepared => [] }, $class;
	until ($stop)
	{
		my $method = $params{asks} ? \&ask : pick();
		eval { $self->$method; 1 } or $self->note(tag => "$params{name}-fault", fate => 'fault', why => "$@");
		usleep(5_000 + rand 60_000);
	}
	$self->{session}->close if $self->{session};
	require POSIX;
	POSIX::_exit(0);    # nothing of the parent's test harness runs twice
}

sub pick
{
	my $sum = 0;
	$sum += $_->[0] for values %ways;
	my $dice = rand $sum;
	for my $name (sort keys %ways)
	{
		return $ways{$name}[1] if ($dice -= $ways{$name}[0]) < 0;
	}
	return \&autocommit;
}

sub note
{
	my ($self, %line) = @_;
	$line{at} = time();
	syswrite($self->{out}, $json->encode(\%line) . "\n");
	return;
}

sub run
{
	my ($self, $sql) = @_;
	$self->{session} //= CapeAI::Chaos::Session->open($self->{connstr});
	my ($fate, $out) = $self->{session}->run($sql);
	return ($fate, $out) if $fate ne 'lost';
	$self->{session}->close;
	delete $self->{session};
	usleep(100_000);
	return ($fate, $out);
}

# A new tag and the SQL of the call that submits it.
sub task
{
	my ($self, %arguments) = @_;
	my $tag = "$self->{name}-" . ++$self->{number};
	my $dice = rand();
	my ($agent, $text) = ('chat', 'Say hello');
	if ($dice < 0.15) { ($agent, $text) = ('cape-ai-guide', 'How do I make a backup of my data?'); }
	elsif ($dice < 0.18) { $text = '[[mock: status=500]]'; }
	elsif ($dice < 0.20) { $text = '[[mock: status=400]]'; }
	elsif ($dice < 0.25) { $text = '[[mock: status=500,times=1]]'; }
	$arguments{run_at} = "'" . (0.2 + rand 2) . " s'::interval + now()" if rand() < 0.05;
	$arguments{stream} = 'true' if rand() < 0.1;
	$arguments{timeout} = "'" . (2 + int rand 20) . " s'" if rand() < 0.1;
	$arguments{max_attempts} = 1 + int rand 6 if rand() < 0.2;
	# What always fails opens the circuit of its model again and again: that model is not the others'.
	@arguments{qw(model timeout)} = ("'poison'", "'8 s'") if $text =~ /status=500\]/;
	my $sql = "SELECT capeai_submit_task('$agent', '{\"query\": \"$text [[tag:$tag]]\"}'";
	$sql .= ", $_ => $arguments{$_}" for sort keys %arguments;
	return ($tag, "$sql);");
}

# Runs SQL that ends with the words $proof once it has committed.
sub transact
{
	my ($self, $kept, $dropped, $proof, $sql) = @_;
	$self->note(tag => $_, fate => 'absent') for @$dropped;
	$self->note(tag => $_, fate => 'unknown') for @$kept;
	my ($said, $out) = $self->run($sql);
	my $fate = $said eq 'lost' ? 'unknown' : $said eq 'done' && $out =~ /$proof/ ? 'committed' : 'absent';
	$self->note(tag => $_, fate => $fate, ($fate eq 'absent' ? (why => $out) : ())) for @$kept;
	my @ids = $out =~ /^([0-9a-f]{8}-[0-9a-f-]{27})$/mg;
	return ($fate, @ids);
}

my $proof_id = qr/^[0-9a-f]{8}-[0-9a-f-]{27}$/m;

sub autocommit
{
	my ($self) = @_;
	my ($tag, $sql) = $self->task;
	return $self->transact([$tag], [], $proof_id, $sql);
}

sub transaction
{
	my ($self) = @_;
	my (@tags, @sql);
	for (1 .. 1 + rand 4)
	{
		my ($tag, $sql) = $self->task;
		push @tags, $tag;
		push @sql, $sql;
	}
	return $self->transact(\@tags, [], qr/^COMMIT$/m, join("\n", 'BEGIN;', @sql, 'COMMIT;'));
}

sub rollback
{
	my ($self) = @_;
	my ($tag, $sql) = $self->task;
	return $self->transact([], [$tag], qr/^ROLLBACK$/m, "BEGIN;\n$sql\nROLLBACK;");
}

sub subtransactions
{
	my ($self) = @_;
	my ($first, $sql1) = $self->task;
	my ($dropped, $sql2) = $self->task;
	my ($last, $sql3) = $self->task;
	return $self->transact([ $first, $last ], [$dropped], qr/^COMMIT$/m, join("\n", 'BEGIN;', $sql1, 'SAVEPOINT a;',
			$sql2, 'ROLLBACK TO a;', 'SAVEPOINT b;', $sql3, 'RELEASE b;', 'COMMIT;'));
}

sub error
{
	my ($self) = @_;
	my ($tag, $sql) = $self->task;
	return $self->transact([], [$tag], qr/^ROLLBACK$/m, "BEGIN;\n$sql\nSELECT 1 / 0;\nCOMMIT;");
}

sub prepare
{
	my ($self) = @_;
	return if @{ $self->{prepared} } > 3;
	my ($tag, $sql) = $self->task;
	$self->note(tag => $tag, fate => 'unknown', prepared => 1);
	my ($said, $out) = $self->run("BEGIN;\n$sql\nPREPARE TRANSACTION '$tag';");
	my $fate = $said eq 'done' && $out =~ /^PREPARE TRANSACTION$/m ? 'prepared' : $said eq 'lost' ? 'unknown' : 'absent';
	$self->note(tag => $tag, fate => $fate, prepared => 1);
	push @{ $self->{prepared} }, $tag if $fate eq 'prepared';
	return;
}

# An end that nobody confirmed is found out by the judge: the transaction is still there or it is not.
sub finish_prepared
{
	my ($self) = @_;
	my $tag = shift @{ $self->{prepared} } // return;
	my $verb = rand() < 0.7 ? 'COMMIT' : 'ROLLBACK';
	$self->note(tag => $tag, fate => 'prepared', prepared => 1, asked => $verb);
	my ($said, $out) = $self->run("$verb PREPARED '$tag';");
	return unless $said eq 'done' && $out =~ /^$verb PREPARED$/m;
	$self->note(tag => $tag, fate => $verb eq 'COMMIT' ? 'committed' : 'absent');
	return;
}

sub cancel
{
	my ($self) = @_;
	my ($tag, $sql) = $self->task;
	my ($fate, $id) = $self->transact([$tag], [], $proof_id, $sql);
	return unless $fate eq 'committed';
	usleep(rand 300_000) if rand() < 0.7;
	my ($said, $out) = $self->run("SELECT 'cancelled=' || capeai_cancel_task('$id');");
	return unless $said eq 'done';
	$self->note(tag => $tag, fate => 'committed', cancel => $out =~ /cancelled=true/ ? 1 : 0, cancel_said => $out);
	return;
}

sub key_twice
{
	my ($self) = @_;
	my $key = "key-$self->{name}-$self->{number}";
	my ($tag, $sql) = $self->task(idempotency_key => "'$key'");
	my ($fate, $id) = $self->transact([$tag], [], $proof_id, $sql);
	# What was refused the first time may be stored the second, and the connection die before it says so.
	$self->note(tag => $tag, fate => 'unknown') if $fate ne 'committed';
	my ($said, $out) = $self->run($sql);
	return unless $said eq 'done';
	my ($again) = $out =~ /($proof_id)/;
	my $same = $fate eq 'committed' && $again && $again ne $id ? 0 : 1;
	$self->note(tag => $tag, fate => 'committed', same_id => $same);
	return;
}

sub batch
{
	my ($self) = @_;
	my @tags = map { "$self->{name}-" . ++$self->{number} } 1 .. 2 + rand 15;
	my $inputs = join(', ', map { "'{\"query\": \"Say hello [[tag:$_]]\"}'" } @tags);
	return $self->transact(\@tags, [], qr/^count=\d+$/m,
		"SELECT 'count=' || count(*) FROM capeai_submit_tasks('chat', ARRAY[$inputs]::jsonb[]);");
}

sub dependency
{
	my ($self) = @_;
	my ($first, $sql1) = $self->task;
	my ($second, $sql2) = $self->task(depends_on => 'ARRAY[:\'first\']::uuid[]');
	$sql1 =~ s/\);$/) AS first \\gset/;
	return $self->transact([ $first, $second ], [], qr/^COMMIT$/m, "BEGIN;\n$sql1\n$sql2\nCOMMIT;");
}

sub ask
{
	my ($self) = @_;
	my $tag = "$self->{name}-" . ++$self->{number};
	my $agent = rand() < 0.3 ? 'cape-ai-guide' : 'chat';
	$self->note(tag => $tag, fate => 'unknown', ask => 1);
	my ($said, $out) = $self->run("SELECT 'answer=' || length(capeai_ask('How do I make a backup? [[tag:$tag]]', agent => '$agent', timeout => '6 s'));");
	my $fate = $said eq 'lost' ? 'unknown' : $out =~ /^answer=/m ? 'answered' : 'refused';
	$self->note(tag => $tag, fate => $fate, ask => 1, ($fate eq 'refused' ? (why => $out) : ()));
	usleep(100_000) if $fate eq 'refused';
	return;
}

1;
