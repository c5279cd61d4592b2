#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "net/paced_poller.hpp"

namespace capeai::net {
namespace {

constexpr int kMany = 200;

class Reader : public PollHandler {
 public:
  void OnReady(int socket, uint32_t) noexcept override {
    char c;
    EXPECT_EQ(read(socket, &c, 1), 1);
    ++reads;
  }
  int reads = 0;
};

class PacedPollerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    outer = std::move(*Poller::Create());
    paced = PacedPoller::Create(*outer);
    ASSERT_TRUE(paced);
    for (int i = 0; i < kMany; ++i) {
      int pair[2];
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
      near.push_back(pair[0]);
      far.push_back(pair[1]);
      ASSERT_TRUE(paced->sockets().Watch(pair[0], kReadable, &reader));
    }
  }
  void TearDown() override {
    paced.reset();
    EXPECT_EQ(outer->watched(), 0u);
    for (const auto* ends : {&near, &far})
      for (int fd : *ends) close(fd);
  }

  void Send(int count) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(write(far[i], "x", 1), 1);
  }
  // As the owner's loop has it.
  void Turn() {
    outer->Dispatch();
    EXPECT_TRUE(paced->Run([] { return false; }));
  }
  bool Wakes() const {
    pollfd p{outer->fd(), POLLIN, 0};
    return poll(&p, 1, 0) == 1;
  }

  std::unique_ptr<Poller> outer;
  std::unique_ptr<PacedPoller> paced;
  std::vector<int> near, far;
  Reader reader;
};

TEST_F(PacedPollerTest, FewAreReadAtOnce) {
  paced->SetInterval(std::chrono::hours(1));
  for (int i = 1; i <= 10; ++i) {
    Send(1);
    EXPECT_TRUE(Wakes());
    Turn();
    EXPECT_EQ(reader.reads, i);
    EXPECT_FALSE(paced->due());
  }
}

TEST_F(PacedPollerTest, OfManyTheRestWaitsForTheEndOfTheInterval) {
  paced->SetInterval(std::chrono::milliseconds(20));
  Send(kMany);
  Turn();
  EXPECT_EQ(reader.reads, kMany);
  ASSERT_TRUE(paced->due());
  const MonoTime due = *paced->due();
  Send(kMany);
  Send(kMany);
  EXPECT_FALSE(Wakes()) << "nobody is woken for what waits";
  while (MonoNow() < due) {
    const int before = reader.reads;
    outer->Dispatch();
    paced->Run([] { return false; });
    if (MonoNow() < due) {
      EXPECT_EQ(reader.reads, before);
    }
  }
  Turn();
  EXPECT_EQ(reader.reads, 2 * kMany) << "each once";
  EXPECT_TRUE(paced->due());
}

TEST_F(PacedPollerTest, WithoutIntervalNothingWaits) {
  for (int i = 1; i <= 3; ++i) {
    Send(kMany);
    Turn();
    EXPECT_EQ(reader.reads, i * kMany);
    EXPECT_FALSE(paced->due());
  }
}

TEST_F(PacedPollerTest, StoppedItGoesOnWhereItWas) {
  paced->SetInterval(std::chrono::hours(1));
  Send(kMany);
  outer->Dispatch();
  EXPECT_FALSE(paced->Run([] { return true; }));
  EXPECT_LT(reader.reads, kMany);
  EXPECT_FALSE(paced->due());
  EXPECT_TRUE(Wakes());
  while (!paced->Run([] { return true; })) continue;
  EXPECT_EQ(reader.reads, kMany);
}

}  // namespace
}  // namespace capeai::net
