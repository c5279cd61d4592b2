# A psql process that says what became of a piece of SQL, also when the server dies under it.
#
#   my $session = CapeAI::Chaos::Session->open($connstr);
#   my ($fate, $out) = $session->run('BEGIN; …; COMMIT;');   # 'done', 'error' or 'lost', and the output
#
# 'done' and 'error' were said by the server. After 'lost' nobody knows: open another. A session that ended with a
# FATAL error is lost, too: it may have been told to end while its commit, done already, waited for the standby.
package CapeAI::Chaos::Session;

use strict;
use warnings;

use IPC::Open3;
use IO::Select;
use Time::HiRes qw(time);

my $marks = 0;

sub open
{
	my ($class, $connstr) = @_;
	my $pid = open3(my $in, my $out, undef, 'psql', '-XAt', '-v', 'VERBOSITY=terse', '-d', $connstr);
	return bless { pid => $pid, in => $in, out => $out, select => IO::Select->new($out) }, $class;
}

sub run
{
	my ($self, $sql, $timeout) = @_;
	my $mark = "--mark-$$-" . ++$marks;
	local $SIG{PIPE} = 'IGNORE';
	my $text = "$sql\n\\echo $mark\n";
	return ('lost', '') unless defined syswrite($self->{in}, $text);
	my $end = time() + ($timeout // 60);
	my $output = '';
	while ($output !~ /^\Q$mark\E$/m)
	{
		my $left = $end - time();
		last if $left <= 0;
		next unless $self->{select}->can_read($left);
		last unless sysread($self->{out}, $output, 65536, length $output);
	}
	return ('lost', $output) unless $output =~ s/^\Q$mark\E\n//m;
	return ('lost', $output) if $output =~ /^(FATAL|PANIC):/m;
	return ($output =~ /^ERROR:/m ? 'error' : 'done', $output);
}

sub close
{
	my ($self) = @_;
	kill 'KILL', $self->{pid};
	waitpid($self->{pid}, 0);
	return;
}

1;
