// HttpClient: cancelling, pausing, sinks that misbehave, many transfers.
#include "net_client_fixture.hpp"

namespace capeai::net::test {
namespace {

using std::chrono::milliseconds;

void Endless(Peer& peer) {
  peer.ReadRequest();
  peer.Send("HTTP/1.1 200 OK\r\n\r\n");
  while (peer.Send(std::string(16384, 'x'))) {
  }
}
void Echo(Peer& peer) {
  for (std::string r; !(r = peer.ReadRequest()).empty();) {
    if (!peer.Send(Response(r.substr(r.find("\r\n\r\n") + 4)))) return;
  }
}

TEST_F(ClientTest, CancelFromOutside) {
  Server server(Endless);
  Recorder sink;
  const TransferId id = client->Start(Ask(server.url()), &sink);
  ASSERT_TRUE(RunUntil([&] { return sink.body.size() > 10000; }));
  EXPECT_TRUE(client->Cancel(id));
  EXPECT_FALSE(client->Cancel(id));
  const size_t seen = sink.body.size();
  EXPECT_TRUE(RunUntil([&] { return server.closed == 1; })) << "the connection is dropped";
  EXPECT_EQ(sink.body.size(), seen);
  EXPECT_FALSE(sink.done);
  EXPECT_EQ(client->stats().in_flight, 0u);
  EXPECT_FALSE(client->Cancel(0));
}

TEST_F(ClientTest, CancelFromWithin) {
  Server server(Endless);
  Recorder a, b, c;
  TransferId ids[3];
  int calls = 0;
  a.on_data = [&] {
    for (TransferId id : ids) calls += client->Cancel(id);
  };
  ids[0] = client->Start(Ask(server.url()), &a);
  ids[1] = client->Start(Ask(server.url()), &b);
  ids[2] = client->Start(Ask(server.url()), &c);
  c.on_headers = [&] { client->Cancel(ids[2]); };
  ASSERT_TRUE(RunUntil([&] { return client->stats().in_flight == 0; }));
  EXPECT_TRUE(RunUntil([&] { return server.closed == server.connections; }));
  EXPECT_FALSE(a.done || b.done || c.done);
  EXPECT_GE(calls, 2);
  EXPECT_LE(c.body.size(), 65536u) << "what had come before the sink heard of the headers";
}

TEST_F(ClientTest, CancelBeforeItBegan) {
  Server server(Echo);
  Recorder sink;
  EXPECT_TRUE(client->Cancel(client->Start(Ask(server.url()), &sink)));
  client->Run();
  EXPECT_EQ(client->NextTimeout(), std::nullopt);
  EXPECT_FALSE(sink.done);
}

TEST_F(ClientTest, StartAndCancelFromOnDone) {
  Server server(Echo);
  Server endless(Endless);
  Recorder first, second, victim;
  const TransferId id = client->Start(Ask(endless.url()), &victim);
  first.on_done = [&] {
    EXPECT_TRUE(client->Cancel(id));
    client->Start(Ask(server.url(), "again"), &second);
  };
  client->Start(Ask(server.url()), &first);
  ASSERT_TRUE(RunUntil([&] { return second.done; }));
  EXPECT_EQ(second.body, "again");
  EXPECT_TRUE(second.result.reused);
  EXPECT_FALSE(victim.done);
}

TEST_F(ClientTest, PauseBoundsMemoryAndResumeGoesOn) {
  constexpr size_t kTotal = 32 << 20;
  std::atomic<size_t> sent{0};
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    const std::string block(65536, 'x');
    for (size_t i = 0; i < kTotal / block.size() && peer.Send(block); ++i) sent += block.size();
  });
  Recorder sink;
  HttpRequest request = Ask(server.url());
  request.max_response_bytes = kTotal;
  request.idle_timeout = milliseconds(300);
  TransferId id = 0;
  bool stepwise = true;
  sink.on_data = [&] {
    if (stepwise) client->Pause(id);
  };
  id = client->Start(request, &sink);
  ASSERT_TRUE(RunUntil([&] { return !sink.body.empty(); }));
  const size_t seen = sink.body.size();
  // Longer than the idle time-out, which stands still in a pause.
  EXPECT_FALSE(RunUntil([&] { return sink.done || sink.body.size() > seen; }, milliseconds(600)));
  EXPECT_LT(sent, kTotal) << "the server is held up by TCP";
  EXPECT_LE(sink.largest, 16384u);

  while (sink.body.size() < (1 << 20)) {
    const size_t before = sink.body.size();
    client->Resume(id);
    ASSERT_TRUE(RunUntil([&] { return sink.body.size() > before; }));
    EXPECT_LE(sink.body.size(), before + 65536) << "a bounded piece for each Resume";
  }
  stepwise = false;
  client->Resume(id);
  ASSERT_TRUE(RunUntil([&] { return sink.done; }));
  EXPECT_TRUE(sink.result.ok()) << sink.result.message;
  EXPECT_EQ(sink.body.size(), kTotal);
}

TEST_F(ClientTest, TotalTimeOutRunsOnInAPause) {
  Server server(Endless);
  Recorder sink;
  HttpRequest request = Ask(server.url());
  request.timeout = milliseconds(200);
  TransferId id = 0;
  sink.on_headers = [&] { client->Pause(id); };
  id = client->Start(request, &sink);
  ASSERT_TRUE(RunUntil([&] { return sink.done; }));
  EXPECT_EQ(HttpErrorName(sink.result.error), "timeout_total");
  EXPECT_LE(sink.body.size(), 65536u) << "what had come before the sink heard of the headers";
}

TEST_F(ClientTest, ThrowingSinks) {
  Server server(Echo);
  Recorder in_headers, in_data, in_done, other;
  in_headers.at_headers = [] { throw std::runtime_error("headers boom"); };
  in_data.at_data = [] { throw 5; };
  Exchange(in_headers, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(in_headers.result.error), "aborted");
  EXPECT_EQ(in_headers.result.message, "headers boom");
  Exchange(in_data, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(in_data.result.error), "aborted");

  Recorder in_end, in_news;
  in_end.at_end = [] { throw std::runtime_error("end boom"); };
  Exchange(in_end, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(in_end.result.error), "aborted");
  EXPECT_EQ(in_end.result.message, "end boom");
  Recorder odd;
  odd.at_end = [] { throw 5; };
  Exchange(odd, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(odd.result.error), "aborted");
  Server endless(Endless);
  in_news.on_data = [] { throw std::runtime_error("news boom"); };
  Exchange(in_news, Ask(endless.url()));
  EXPECT_EQ(HttpErrorName(in_news.result.error), "aborted");
  EXPECT_EQ(in_news.result.message, "news boom");

  in_done.on_done = [] { throw std::runtime_error("done boom"); };
  client->Start(Ask(server.url()), &in_done);
  client->Start(Ask(server.url()), &other);
  EXPECT_THROW(RunUntil([&] { return in_done.done && other.done; }), std::runtime_error);
  EXPECT_TRUE(RunUntil([&] { return other.done; }));
  EXPECT_TRUE(other.result.ok());
}

TEST_F(ClientTest, ASinkMayHaveEnough) {
  Server server(Endless);
  Recorder sink;
  sink.enough = 100000;
  HttpRequest request = Ask(server.url());
  request.max_response_bytes = size_t{1} << 30;
  Exchange(sink, request);
  EXPECT_EQ(HttpErrorName(sink.result.error), "enough");
  EXPECT_GE(sink.body.size(), sink.enough);
  EXPECT_LE(sink.body.size(), sink.enough + 16384);
  EXPECT_TRUE(RunUntil([&] { return server.closed == 1; })) << "the connection is dropped";
}

TEST_F(ClientTest, ManyAtOnceReuseFewShards) {
  Server server(Echo);
  HttpClientOptions options;
  options.transfers_per_shard = 10;
  options.shard_idle_timeout = milliseconds(100);
  Make("127.0.0.1", options);
  constexpr int kMany = 75;
  for (int round = 0; round < 2; ++round) {
    std::vector<Recorder> sinks(kMany);
    for (int i = 0; i < kMany; ++i) client->Start(Ask(server.url(), std::to_string(i)), &sinks[i]);
    ASSERT_TRUE(RunUntil(
        [&] { return std::all_of(sinks.begin(), sinks.end(), [](const Recorder& s) { return s.done; }); }));
    for (int i = 0; i < kMany; ++i) EXPECT_EQ(sinks[i].body, std::to_string(i)) << sinks[i].result.message;
    EXPECT_LE(client->stats().shards, 8u);
  }
  EXPECT_LE(server.connections, kMany);
  EXPECT_EQ(client->stats().requests, 2u * kMany);
  EXPECT_EQ(client->stats().connections_opened, static_cast<uint64_t>(server.connections));
  EXPECT_GE(client->stats().requests_reused, static_cast<uint64_t>(kMany));
  ASSERT_TRUE(RunUntil([&] { return client->stats().shards == 1; })) << "idle shards are closed";
  EXPECT_EQ(client->NextTimeout(), std::nullopt) << "an idle client wants nothing";
  EXPECT_EQ(client->stats().connections_opened, static_cast<uint64_t>(server.connections));
}

TEST_F(ClientTest, NamesAreLookedUpOnce) {
  Server server(Echo);
  Make("localhost 127.0.0.1");
  std::vector<Recorder> sinks(50);
  for (Recorder& sink : sinks) {
    client->Start(Ask("http://localhost:" + std::to_string(server.port), "x"), &sink);
  }
  ASSERT_TRUE(RunUntil(
      [&] { return std::all_of(sinks.begin(), sinks.end(), [](const Recorder& s) { return s.done; }); }));
  for (Recorder& sink : sinks) EXPECT_TRUE(sink.result.ok()) << sink.result.message;
}

TEST_F(ClientTest, FailedLookupIsShared) {
  std::vector<Recorder> sinks(20);
  for (Recorder& sink : sinks) client->Start(Ask("http://no-such-host.invalid/"), &sink);
  ASSERT_TRUE(RunUntil(
      [&] { return std::all_of(sinks.begin(), sinks.end(), [](const Recorder& s) { return s.done; }); }));
  for (Recorder& sink : sinks) {
    EXPECT_EQ(HttpErrorName(sink.result.error), "resolve") << sink.result.message;
    EXPECT_FALSE(sink.result.may_have_sent);
  }
}

// Whoever sends a little at a time may wait for its turn; nobody else does.
TEST_F(ClientTest, PacedResponsesWaitForEachOtherAlone) {
  constexpr int kMany = 100;
  std::atomic<bool> go_on{false};
  Server server([&](Peer& peer) {
    if (peer.ReadRequest().find("GET /paced") == std::string::npos) {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
      return;
    }
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    go_on.wait(false);
    peer.Send("b");
  });
  struct Release {  // also when the test fails
    std::atomic<bool>& flag;
    ~Release() {
      flag = true;
      flag.notify_all();
    }
  } release{go_on};
  HttpClientOptions options;
  options.pace = std::chrono::hours(1);
  Make("127.0.0.0/8", options);
  std::vector<Recorder> sinks(kMany);
  for (Recorder& sink : sinks) {
    HttpRequest request = Ask(server.url("/paced"));
    request.method = "GET";
    request.body.clear();
    request.paced = true;
    client->Start(std::move(request), &sink);
  }
  const auto begun = [&] {
    return std::count_if(sinks.begin(), sinks.end(), [](auto& s) { return s.body == "a"; });
  };
  ASSERT_TRUE(RunUntil([&] { return begun() >= 64; }));
  go_on = true;
  go_on.notify_all();
  Recorder plain;
  Exchange(plain, Ask(server.url("/plain")));
  EXPECT_EQ(plain.body, "plain");
  EXPECT_GE(begun(), 64);
  client->SetPace(std::chrono::milliseconds(5));
  ASSERT_TRUE(RunUntil(
      [&] { return std::all_of(sinks.begin(), sinks.end(), [](const Recorder& s) { return s.done; }); }));
  for (Recorder& sink : sinks) EXPECT_EQ(sink.body, "ab") << sink.result.message;
}

TEST_F(ClientTest, DestructionDropsEverything) {
  Server server(Endless);
  Recorder sink;
  client->Start(Ask(server.url()), &sink);
  ASSERT_TRUE(RunUntil([&] { return !sink.body.empty(); }));
  client.reset();
  EXPECT_FALSE(sink.done);
  EXPECT_EQ(poller->watched(), 0u);
}

}  // namespace
}  // namespace capeai::net::test
