// HttpClient while its owner is away: the thread serves, the sinks' other half
// waits for Run. And what bounds the memory of responses meanwhile.
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "net_client_fixture.hpp"

namespace capeai::net::test {
namespace {

using std::chrono::milliseconds;

constexpr int kMany = 40;  // enough to be worth a thread

void Echo(Peer& peer) {
  for (std::string r; !(r = peer.ReadRequest()).empty();)
    if (!peer.Send(Response(r.substr(r.find("\r\n\r\n") + 4)))) return;
}

// Waits for what another thread does.
bool Eventually(const std::function<bool()>& come) {
  for (int i = 0; i < 20000; ++i) {
    if (come()) return true;
    poll(nullptr, 0, 1);
  }
  return false;
}

class AwayTest : public ClientTest {
 protected:
  // Leaves until `come`, which looks at what is safe to look at from outside.
  bool AwayUntil(const std::function<bool()>& come) {
    client->Leave();
    const bool came = Eventually(come);
    client->Return();
    return came;
  }
};

TEST_F(AwayTest, RequestsAreAnsweredMeanwhileAndHeardAfterwards) {
  Server server(Echo);
  std::atomic<int> ended{0};
  std::atomic<bool> elsewhere{false};
  const std::thread::id owner = std::this_thread::get_id();
  std::vector<Recorder> sinks(kMany);
  for (int i = 0; i < kMany; ++i) {
    sinks[i].at_end = [&] {
      ++ended;
      elsewhere = elsewhere || std::this_thread::get_id() != owner;
    };
    sinks[i].on_done = [&] { EXPECT_EQ(std::this_thread::get_id(), owner); };
    client->Start(Ask(server.url(), std::to_string(i)), &sinks[i]);
  }
  ASSERT_TRUE(AwayUntil([&] { return ended == kMany; }));
  EXPECT_TRUE(elsewhere);
  for (const Recorder& sink : sinks) EXPECT_FALSE(sink.done);
  EXPECT_EQ(client->NextTimeout(), Duration(0)) << "there is something to hear";
  client->Run();
  for (int i = 0; i < kMany; ++i) {
    EXPECT_TRUE(sinks[i].done && sinks[i].result.ok()) << sinks[i].result.message;
    EXPECT_EQ(sinks[i].body, std::to_string(i));
  }
  EXPECT_EQ(client->stats().in_flight, 0u);
}

TEST_F(AwayTest, ComingAndGoing) {
  Server server(Echo);
  int done = 0, started = 0;
  std::vector<std::unique_ptr<Recorder>> sinks;
  const auto start = [&] {
    Recorder& sink = *sinks.emplace_back(std::make_unique<Recorder>());
    sink.on_done = [&] { ++done; };
    client->Start(Ask(server.url(), std::to_string(started++)), &sink);
  };
  for (int i = 0; i < kMany; ++i) start();
  while (done < 2000) {
    client->Leave();
    if (done % 3 == 0) std::this_thread::yield();
    client->Return();
    const int before = done;
    client->Run();
    for (int i = before; i < done; ++i) start();
    if (started % 7 == 0) client->Cancel(static_cast<TransferId>(started));
    while (started - done < kMany) start();
  }
  ASSERT_TRUE(RunUntil([&] { return client->stats().in_flight == 0; }));
}

TEST_F(AwayTest, WithLittleUnderWayNobodyTakesOver) {
  Server server(Echo);
  Recorder sink;
  client->Start(Ask(server.url()), &sink);
  client->Leave();
  poll(nullptr, 0, 20);
  client->Return();
  EXPECT_FALSE(sink.ended);
  ASSERT_TRUE(RunUntil([&] { return sink.done; }));
}

TEST_F(AwayTest, TimeOutsAndFailuresAreFoundMeanwhile) {
  Server silent([](Peer& p) { p.WaitUntilClosed(); });
  std::atomic<int> ended{0};
  std::vector<Recorder> sinks(kMany);
  for (int i = 0; i < kMany; ++i) {
    sinks[i].at_end = [&] { ++ended; };
    HttpRequest request = Ask(i % 2 == 0 ? silent.url() : "http://127.0.0.1:1/");
    request.timeout = milliseconds(50);
    client->Start(request, &sinks[i]);
  }
  ASSERT_TRUE(AwayUntil([&] { return ended == kMany; }));
  client->Run();
  for (int i = 0; i < kMany; ++i)
    EXPECT_EQ(HttpErrorName(sinks[i].result.error), i % 2 == 0 ? "timeout_total" : "connect");
}

TEST_F(AwayTest, SinksThatThrowInTheThread) {
  Server server(Echo);
  std::atomic<int> ended{0};
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) {
    sink.at_data = [] { throw std::runtime_error("boom"); };
    sink.at_end = [&] { ++ended; };
    client->Start(Ask(server.url()), &sink);
  }
  ASSERT_TRUE(AwayUntil([&] { return ended == kMany; }));
  client->Run();
  for (const Recorder& sink : sinks) EXPECT_EQ(HttpErrorName(sink.result.error), "aborted");
}

TEST_F(AwayTest, CancelledBeforeItIsHeard) {
  Server server(Echo);
  std::atomic<int> ended{0};
  std::vector<Recorder> sinks(kMany);
  std::vector<TransferId> ids;
  for (Recorder& sink : sinks) {
    sink.at_end = [&] { ++ended; };
    ids.push_back(client->Start(Ask(server.url()), &sink));
  }
  ASSERT_TRUE(AwayUntil([&] { return ended == kMany; }));
  EXPECT_TRUE(client->Cancel(ids[3]));
  EXPECT_FALSE(client->Cancel(ids[3]));
  client->Run();
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(sinks[i].done, i != 3);
  EXPECT_FALSE(client->Cancel(ids[4])) << "it is done";
}

// However long the owner is away, a response brings 64 kB and then waits.
TEST_F(AwayTest, AFloodWaitsUntilItIsHeard) {
  constexpr size_t kTotal = 2 << 20;
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    const std::string block(16384, 'x');
    for (size_t i = 0; i < kTotal / block.size() && peer.Send(block);) ++i;
  });
  std::vector<Recorder> sinks(kMany);
  std::atomic<size_t> bytes{0};
  for (Recorder& sink : sinks) {
    sink.at_data = [&] { ++bytes; };
    client->Start(Ask(server.url()), &sink);
  }
  EXPECT_TRUE(AwayUntil([&, last = size_t{0}, same = 0]() mutable {
    same = bytes > 0 && bytes == last ? same + 1 : 0;
    last = bytes;
    return same > 200;
  }));
  for (const Recorder& sink : sinks) EXPECT_LE(sink.body.size(), 65536u);
  ASSERT_TRUE(RunUntil([&] { return client->stats().in_flight == 0; }, std::chrono::seconds(60)));
  for (const Recorder& sink : sinks) EXPECT_EQ(sink.body.size(), kTotal) << sink.result.message;
}

// Beyond the memory for responses they are read one after the other; all end.
TEST_F(AwayTest, ResponsesShareTheirMemory) {
  constexpr size_t kTotal = 512 << 10, kMost = 1 << 20;
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    const std::string block(16384, 'x');
    for (size_t i = 0; i < kTotal / block.size() && peer.Send(block);) ++i;
  });
  client->SetResponseMemory(kMost);
  std::vector<Recorder> sinks(kMany);
  size_t most = 0;
  const auto held = [&] {
    size_t sum = 0;
    for (const Recorder& sink : sinks) sum += sink.done ? 0 : sink.body.size();
    most = std::max(most, sum);
  };
  for (Recorder& sink : sinks) {
    sink.on_data = held;
    HttpRequest request = Ask(server.url());
    request.idle_timeout = std::chrono::seconds(2);  // those that wait are not idle
    client->Start(request, &sink);
  }
  ASSERT_TRUE(RunUntil([&] { return client->stats().in_flight == 0; }, std::chrono::seconds(60)));
  for (const Recorder& sink : sinks) {
    EXPECT_TRUE(sink.result.ok()) << sink.result.message;
    EXPECT_EQ(sink.body.size(), kTotal);
  }
  EXPECT_LE(most, kMost + kTotal + 65536) << "the favourite may pass the limit, once";
  EXPECT_GT(most, kMost / 2);
}

// One that may go on, and whose reader does not, holds up nobody.
TEST_F(AwayTest, APausedResponseMakesWay) {
  constexpr size_t kTotal = 512 << 10;
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    const std::string block(16384, 'x');
    for (size_t i = 0; i < kTotal / block.size() && peer.Send(block);) ++i;
  });
  client->SetResponseMemory(64 << 10);
  Recorder slow, others[3];
  TransferId id = 0;
  bool reads = false;
  slow.on_data = [&] {
    if (!reads && slow.body.size() > (128 << 10)) client->Pause(id);
  };
  id = client->Start(Ask(server.url()), &slow);
  ASSERT_TRUE(RunUntil([&] { return slow.body.size() > (128 << 10); }));
  for (Recorder& other : others) client->Start(Ask(server.url()), &other);
  ASSERT_TRUE(RunUntil([&] { return others[0].done && others[1].done && others[2].done; }));
  EXPECT_FALSE(slow.done);
  reads = true;
  client->Resume(id);
  ASSERT_TRUE(RunUntil([&] { return slow.done; }));
  EXPECT_EQ(slow.body.size(), kTotal);
}

// Nor does it wait for those who never stop to send.
TEST_F(AwayTest, EndsInTheMiddleOfAFlood) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    while (peer.Send("HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) {
    HttpRequest request = Ask(server.url());
    request.max_header_bytes = SIZE_MAX;
    client->Start(request, &sink);
  }
  client->Leave();
  EXPECT_TRUE(Eventually([&] { return server.connections == kMany; }));
  client->StopBackground();
  client.reset();
  EXPECT_EQ(poller->watched(), 0u);
}

TEST_F(AwayTest, EndsWhileTheOwnerIsAway) {
  Server silent([](Peer& p) { p.WaitUntilClosed(); });
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) client->Start(Ask(silent.url()), &sink);
  client->Leave();
  client->StopBackground();
  client.reset();
  EXPECT_EQ(poller->watched(), 0u);
}

// With something to go on with, the thread takes the owner's place.
TEST_F(AwayTest, WhatHasEndedIsHeardThereAndMoreIsStarted) {
  Server server(Echo);
  constexpr int kAll = 10 * kMany;
  std::atomic<int> done{0};
  std::atomic<bool> here{false};
  const std::thread::id owner = std::this_thread::get_id();
  std::vector<Recorder> sinks(kAll);
  int started = 0;
  const auto start = [&] {
    Recorder& sink = sinks[static_cast<size_t>(started)];
    sink.on_done = [&] {
      ++done;
      here = here || std::this_thread::get_id() == owner;
    };
    client->Start(Ask(server.url(), std::to_string(started++)), &sink);
  };
  while (started < kMany) start();
  const HttpClient::GoOn go_on = [&](const std::atomic<bool>& called_back) {
    while (started < kAll && started - done < kMany && !called_back) start();
    return false;
  };
  client->Leave(&go_on);
  ASSERT_TRUE(Eventually([&] { return done == kAll; }));
  client->Return();
  EXPECT_FALSE(here);
  EXPECT_EQ(client->stats().in_flight, 0u);
  for (int i = 0; i < kAll; ++i) EXPECT_EQ(sinks[static_cast<size_t>(i)].body, std::to_string(i));
  client->Run();
}

// Streams, which are not at their end, are heard by the owner, at its pace.
TEST_F(AwayTest, WhatHasNotEndedWaitsForTheOwner) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    peer.WaitUntilClosed();
  });
  std::atomic<int> half{0}, news{0}, turns{0};
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) {
    sink.at_data = [&] { ++half; };
    sink.on_data = [&] { ++news; };
    client->Start(Ask(server.url()), &sink);
  }
  const HttpClient::GoOn go_on = [&](const std::atomic<bool>&) { return ++turns < 0; };
  client->Leave(&go_on);
  ASSERT_TRUE(Eventually([&] { return half == kMany && turns > 0; }));
  client->Return();
  EXPECT_EQ(news, 0);
  client->Run();
  EXPECT_EQ(news, kMany);
}

// Also when nothing is under way: all replies may have come, and wait for their tasks to go on.
TEST_F(AwayTest, WhatWaitsToGoOnIsWorthTheThreadToo) {
  std::atomic<int> turns{0};
  const HttpClient::GoOn go_on = [&](const std::atomic<bool>&) { return ++turns < 3; };
  client->Leave(&go_on, kMany);
  EXPECT_TRUE(Eventually([&] { return turns == 3; }));
  client->Return();
}

TEST_F(AwayTest, WhatIsThrownThereComesOutOfRun) {
  Server server(Echo);
  std::atomic<int> done{0};
  std::atomic<bool> thrown{false};
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) {
    sink.on_done = [&] { ++done; };
    client->Start(Ask(server.url()), &sink);
  }
  const HttpClient::GoOn go_on = [&](const std::atomic<bool>&) -> bool {
    if (!thrown.exchange(true)) throw std::runtime_error("from the thread");
    return false;
  };
  client->Leave(&go_on);
  ASSERT_TRUE(Eventually([&] { return thrown.load(); }));
  client->Return();
  EXPECT_THROW(client->Run(), std::runtime_error);
  EXPECT_TRUE(RunUntil([&] { return done == kMany; })) << "and it goes on";
}

TEST_F(AwayTest, WhoIsCalledBackStops) {
  Server silent([](Peer& p) { p.WaitUntilClosed(); });
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) client->Start(Ask(silent.url()), &sink);
  std::atomic<int> turns{0};
  const HttpClient::GoOn endless = [&](const std::atomic<bool>&) { return ++turns > 0; };
  for (int i = 0; i < 20; ++i) {
    const int before = turns;
    client->Leave(&endless);
    ASSERT_TRUE(Eventually([&] { return turns > before; }));
    client->Return();
    const int after = turns;
    poll(nullptr, 0, 1);
    EXPECT_EQ(turns, after);
  }
  client->Leave(&endless);
  client->StopBackground();
}

}  // namespace
}  // namespace capeai::net::test
