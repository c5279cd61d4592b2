#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>

#include "net/poller.hpp"

namespace capeai::net {
namespace {

class Recorder : public PollHandler {
 public:
  void OnReady(int socket, uint32_t ready) noexcept override {
    seen[socket] |= ready;
    if (then) then(socket);
  }
  std::map<int, uint32_t> seen;
  std::function<void(int)> then;
};

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0); }
  ~Pair() {
    close(fd[0]);
    close(fd[1]);
  }
  int fd[2];
};

bool Readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, 0) == 1;
}

TEST(Poller, TellsWhatIsReady) {
  auto poller = std::move(*Poller::Create());
  Recorder recorder;
  Pair a;
  ASSERT_TRUE(poller->Watch(a.fd[0], kReadable, &recorder));
  EXPECT_EQ(poller->watched(), 1u);
  EXPECT_FALSE(Readable(poller->fd()));
  EXPECT_EQ(poller->Dispatch(), 0);

  ASSERT_EQ(write(a.fd[1], "x", 1), 1);
  EXPECT_TRUE(Readable(poller->fd()));
  EXPECT_EQ(poller->Dispatch(), 1);
  EXPECT_EQ(recorder.seen[a.fd[0]], kReadable);

  ASSERT_TRUE(poller->Watch(a.fd[0], kWritable, &recorder));
  recorder.seen.clear();
  poller->Dispatch();
  EXPECT_EQ(recorder.seen[a.fd[0]], kWritable);

  shutdown(a.fd[1], SHUT_RDWR);
  close(std::exchange(a.fd[1], dup(0)));
  poller->Dispatch();
  EXPECT_TRUE(recorder.seen[a.fd[0]] & kBroken);

  poller->Remove(a.fd[0]);
  EXPECT_EQ(poller->watched(), 0u);
  EXPECT_FALSE(Readable(poller->fd()));
  poller->Remove(a.fd[0]);
  poller->Remove(12345);
  poller->Remove(-1);
}

TEST(Poller, RefusesWhatIsNoSocket) {
  auto poller = std::move(*Poller::Create());
  Recorder recorder;
  EXPECT_FALSE(poller->Watch(-1, kReadable, &recorder));
  EXPECT_FALSE(poller->Watch(1000, kReadable, &recorder));
  EXPECT_EQ(poller->watched(), 0u);
}

// An event that was fetched for a socket before another handler removed it, or
// gave its number to a new one, must not reach anybody.
TEST(Poller, DropsEventsOfRemovedSockets) {
  auto poller = std::move(*Poller::Create());
  Recorder recorder;
  Pair a, b;
  poller->Watch(a.fd[0], kWritable, &recorder);
  poller->Watch(b.fd[0], kWritable, &recorder);
  recorder.then = [&](int socket) {
    const int other = socket == a.fd[0] ? b.fd[0] : a.fd[0];
    poller->Remove(other);
    poller->Watch(other, kReadable, &recorder);
  };
  EXPECT_EQ(poller->Dispatch(), 2);
  EXPECT_EQ(recorder.seen.size(), 1u);
}

TEST(Poller, HandlesABoundedNumberAtATime) {
  auto poller = std::move(*Poller::Create());
  Recorder recorder;
  std::vector<Pair> pairs(Poller::kMaxEvents + 10);
  for (Pair& pair : pairs) ASSERT_TRUE(poller->Watch(pair.fd[0], kWritable, &recorder));
  EXPECT_EQ(poller->Dispatch(), Poller::kMaxEvents);
  EXPECT_TRUE(Readable(poller->fd()));
  poller->Dispatch();
  EXPECT_EQ(recorder.seen.size(), pairs.size()) << "the rest comes with the next call";
}

}  // namespace
}  // namespace capeai::net
