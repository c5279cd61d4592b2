// HttpClient against scripted servers: what arrives, and what goes wrong.
#include <stdlib.h>

#include "net_client_fixture.hpp"

namespace capeai::net::test {
namespace {

using std::chrono::milliseconds;

TEST_F(ClientTest, Normal) {
  std::string got;
  Server server([&](Peer& peer) {
    got = peer.ReadRequest();
    peer.Send("HTTP/1.1 100 Continue\r\n\r\n" + Response("hello"));
  });
  Recorder sink;
  Exchange(sink, Ask(server.url(), "{\"a\":1}"));
  EXPECT_TRUE(sink.result.ok()) << sink.result.message;
  EXPECT_EQ(sink.body, "hello");
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.heads, 1);
  ASSERT_TRUE(FindHeader(sink.headers, "x-test"));
  EXPECT_EQ(*FindHeader(sink.headers, "x-test"), "Yes");
  EXPECT_EQ(sink.result.http_version, 11);
  EXPECT_FALSE(sink.result.reused);
  EXPECT_TRUE(sink.result.may_have_sent);
  EXPECT_EQ(sink.result.bytes_out, got.size());
  EXPECT_GT(sink.result.bytes_in, 5u);
  EXPECT_GT(sink.result.timings.connected.count(), 0);
  EXPECT_GE(sink.result.timings.first_byte, sink.result.timings.connected);
  EXPECT_GE(sink.result.timings.total, sink.result.timings.first_byte);

  EXPECT_TRUE(got.starts_with("POST /v1/x HTTP/1.1\r\n")) << got;
  EXPECT_TRUE(got.ends_with("\r\n\r\n{\"a\":1}")) << got;
  EXPECT_NE(got.find("Authorization: Bearer k\r\n"), std::string::npos);
  for (const char* unwanted : {"Expect", "Accept-Encoding", "Cookie", "Transfer-Encoding"}) {
    EXPECT_EQ(got.find(unwanted), std::string::npos) << got;
  }
}

TEST_F(ClientTest, LargeBodyAndGet) {
  std::vector<size_t> sizes;
  Server server([&](Peer& peer) {
    for (std::string r; !(r = peer.ReadRequest()).empty();) {
      sizes.push_back(r.size());
      if (!peer.Send(Response(r.substr(0, 4)))) return;
    }
  });
  Recorder large, get;
  Exchange(large, Ask(server.url(), std::string(3 << 20, 'x')));
  EXPECT_TRUE(large.result.ok()) << large.result.message;
  EXPECT_EQ(large.result.bytes_out, sizes.at(0));
  HttpRequest request = Ask(server.url());
  request.method = "GET";
  Exchange(get, request);
  EXPECT_EQ(get.body, "GET ");
  EXPECT_TRUE(get.result.reused);
}

TEST_F(ClientTest, ChunkedAndSplitAnywhere) {
  const std::string wire =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: "
      "x\r\n\r\n";
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    for (char c : wire) peer.Send(std::string_view(&c, 1));
  });
  Recorder sink;
  Exchange(sink, Ask(server.url()));
  EXPECT_TRUE(sink.result.ok()) << sink.result.message;
  EXPECT_EQ(sink.body, "hello world");
  EXPECT_EQ(sink.heads, 1);
}

TEST_F(ClientTest, ErrorStatusIsAResponse) {
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response("slow down", "HTTP/1.1 429 Too Many Requests"));
  });
  Recorder sink;
  Exchange(sink, Ask(server.url()));
  EXPECT_TRUE(sink.result.ok());
  EXPECT_EQ(sink.result.status, 429);
  EXPECT_EQ(sink.body, "slow down");
}

TEST_F(ClientTest, RedirectIsNotFollowed) {
  Server target([](Peer&) {});
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 302 Found\r\nLocation: " + target.url() + "\r\nContent-Length: 0\r\n\r\n");
  });
  Recorder sink;
  Exchange(sink, Ask(server.url()));
  EXPECT_TRUE(sink.result.ok());
  EXPECT_EQ(sink.result.status, 302);
  EXPECT_EQ(target.connections, 0);
}

TEST_F(ClientTest, CompressedBodyIsNotExpanded) {
  const std::string gzip("\x1f\x8b\x08\x00junk", 8);
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(gzip, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip"));
  });
  Recorder sink;
  Exchange(sink, Ask(server.url()));
  EXPECT_TRUE(sink.result.ok());
  EXPECT_EQ(sink.body, gzip);
}

TEST_F(ClientTest, EnvironmentProxyIsIgnored) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response("direct"));
  });
  Recorder sink;
  Exchange(sink, Ask(server.url()));
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  EXPECT_EQ(sink.body, "direct");
}

TEST_F(ClientTest, ProxyIsUsed) {
  std::string got;
  Server proxy([&](Peer& peer) {
    got = peer.ReadRequest();
    peer.Send(Response("via"));
  });
  Recorder sink;
  HttpRequest request = Ask("http://nowhere.invalid/x");
  request.proxy = "http://127.0.0.1:" + std::to_string(proxy.port);
  Exchange(sink, request);
  EXPECT_TRUE(sink.result.ok()) << sink.result.message;
  EXPECT_TRUE(got.starts_with("POST http://nowhere.invalid/x HTTP/1.1\r\n")) << got;
}

struct Failure {
  const char* name;
  Server::Script script;
  HttpError error;
  bool may_have_sent;
};

TEST_F(ClientTest, Failures) {
  const Failure failures[] = {
      {"closed at once", [](Peer&) {}, HttpError::kReset, true},
      {"closed after the request", [](Peer& p) { p.ReadRequest(); }, HttpError::kReset, true},
      {"reset",
       [](Peer& p) {
         p.ReadRequest();
         p.Reset();
       },
       HttpError::kReset, true},
      {"cut in the headers",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\nA: b");
       },
       HttpError::kReset, true},
      {"cut in the body",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
       },
       HttpError::kReset, true},
      {"not HTTP",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("SSH-2.0-OpenSSH\r\n");
       },
       HttpError::kProtocol, true},
      {"bad chunk",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
         p.WaitUntilClosed();
       },
       HttpError::kReset, true},
      {"endless body",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\n\r\n");
         while (p.Send(std::string(10000, 'x'))) {
         }
       },
       HttpError::kTooLarge, true},
      {"announced too large",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n");
         p.WaitUntilClosed();
       },
       HttpError::kTooLarge, true},
      {"endless headers",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\n");
         while (p.Send("X-Flood: 0123456789\r\n")) {
         }
       },
       HttpError::kTooLarge, true},
      {"endless header line",
       [](Peer& p) {
         p.ReadRequest();
         p.Send("HTTP/1.1 200 OK\r\nX: ");
         while (p.Send(std::string(1000, 'x'))) {
         }
       },
       HttpError::kTooLarge, true},
      {"endless interim responses",
       [](Peer& p) {
         p.ReadRequest();
         while (p.Send("HTTP/1.1 100 Continue\r\n\r\n")) {
         }
       },
       HttpError::kTooLarge, true},
  };
  for (const Failure& failure : failures) {
    SCOPED_TRACE(failure.name);
    Server server(failure.script);
    Recorder sink;
    HttpRequest request = Ask(server.url());
    request.max_response_bytes = 1 << 20;
    Exchange(sink, request);
    EXPECT_EQ(HttpErrorName(sink.result.error), HttpErrorName(failure.error)) << sink.result.message;
    EXPECT_EQ(sink.result.may_have_sent, failure.may_have_sent);
    EXPECT_FALSE(sink.result.message.empty());
    EXPECT_LE(sink.body.size(), request.max_response_bytes);
  }
}

TEST_F(ClientTest, WhatAWarmConnectionLosesIsNotSentAgain) {
  std::atomic<int> requests{0};
  Server server([&](Peer& p) {
    while (!p.ReadRequest().empty()) {
      if (++requests > 1) return p.Reset();
      p.Send(Response("ok"));
    }
  });
  Recorder first, second;
  Exchange(first, Ask(server.url()));
  ASSERT_TRUE(first.result.ok()) << first.result.message;
  Exchange(second, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(second.result.error), HttpErrorName(HttpError::kReset));
  EXPECT_TRUE(second.result.may_have_sent);
  EXPECT_EQ(requests, 2);
}

TEST_F(ClientTest, NothingSent) {
  Server server([](Peer& p) { p.WaitUntilClosed(); });
  const auto expect = [&](HttpError error, HttpRequest request) {
    Recorder sink;
    Exchange(sink, std::move(request));
    EXPECT_EQ(HttpErrorName(sink.result.error), HttpErrorName(error)) << sink.result.message;
    EXPECT_FALSE(sink.result.may_have_sent);
    EXPECT_EQ(sink.result.status, 0);
  };
  expect(HttpError::kConnect, Ask("http://127.0.0.1:1/"));
  expect(HttpError::kInvalidRequest, Ask("ftp://127.0.0.1/"));
  expect(HttpError::kInvalidRequest, Ask("http://user@127.0.0.1/"));
  HttpRequest injected = Ask(server.url());
  injected.headers.push_back("X: a\r\nY: b");
  expect(HttpError::kInvalidRequest, injected);
  HttpRequest method = Ask(server.url());
  method.method = "DELETE";
  expect(HttpError::kInvalidRequest, method);
  HttpRequest tls = Ask("https://127.0.0.1:" + std::to_string(server.port));
  tls.connect_timeout = milliseconds(200);
  expect(HttpError::kTimeoutConnect, tls);
  Server plain([](Peer& p) { p.Send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  expect(HttpError::kTls, Ask("https://127.0.0.1:" + std::to_string(plain.port)));
}

TEST_F(ClientTest, EgressIsJudgedOnTheRealAddress) {
  Server server([](Peer& p) { p.WaitUntilClosed(); });
  Make("");
  for (const char* host :
       {"127.0.0.1", "0x7f.1", "2130706433", "127.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"}) {
    Recorder sink;
    Exchange(sink, Ask("http://" + std::string(host) + ":" + std::to_string(server.port)));
    EXPECT_EQ(HttpErrorName(sink.result.error), "blocked") << host << ": " << sink.result.message;
    EXPECT_NE(sink.result.message.find("("), std::string::npos) << sink.result.message;
    EXPECT_FALSE(sink.result.may_have_sent);
  }
  EXPECT_EQ(server.connections, 0);
}

TEST_F(ClientTest, NewEgressRulesRetireWarmConnections) {
  Server server([](Peer& p) {
    while (!p.ReadRequest().empty()) p.Send(Response("ok"));
  });
  Recorder before, after;
  Exchange(before, Ask(server.url()));
  EXPECT_TRUE(before.result.ok());
  client->SetEgress(std::make_shared<EgressPolicy>());
  Exchange(after, Ask(server.url()));
  EXPECT_EQ(HttpErrorName(after.result.error), "blocked");
  EXPECT_TRUE(RunUntil([&] { return server.closed == 1; })) << "the warm connection is closed";
}

TEST_F(ClientTest, TheSameEgressRulesKeepWarmConnections) {
  Server server([](Peer& p) {
    while (!p.ReadRequest().empty()) p.Send(Response("ok"));
  });
  Recorder before, after;
  Exchange(before, Ask(server.url()));
  const auto same = EgressPolicy::Create("", "127.0.0.0/8 ::1");
  client->SetEgress(std::make_shared<EgressPolicy>(*same));
  Exchange(after, Ask(server.url()));
  EXPECT_TRUE(after.result.reused) << "every reload of the server's settings sets the rules";
  EXPECT_EQ(server.connections, 1);
}

TEST_F(ClientTest, TimeOuts) {
  Server silent([](Peer& p) { p.WaitUntilClosed(); });
  Recorder total;
  HttpRequest request = Ask(silent.url());
  request.timeout = milliseconds(100);
  const MonoTime start = MonoNow();
  Exchange(total, request);
  EXPECT_EQ(HttpErrorName(total.result.error), "timeout_total");
  EXPECT_TRUE(total.result.may_have_sent);
  EXPECT_GE(total.result.timings.total, milliseconds(100));
  EXPECT_LT(MonoNow() - start, std::chrono::seconds(5));
  EXPECT_TRUE(RunUntil([&] { return silent.closed == 1; })) << "the connection is dropped";

  Recorder idle;
  request.timeout = std::chrono::seconds(20);
  request.idle_timeout = milliseconds(100);
  Exchange(idle, request);
  EXPECT_EQ(HttpErrorName(idle.result.error), "timeout_idle");
  EXPECT_LT(idle.result.timings.total, std::chrono::seconds(5));
}

// Bytes that keep coming keep a transfer alive beyond its idle time-out.
TEST_F(ClientTest, SlowIsNotIdle) {
  Server slow([](Peer& p) {
    p.ReadRequest();
    p.Send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    for (int i = 0; i < 12; ++i) {
      poll(nullptr, 0, 60);
      p.Send("x");
    }
  });
  Recorder sink;
  HttpRequest request = Ask(slow.url());
  request.idle_timeout = milliseconds(400);
  Exchange(sink, request);
  EXPECT_TRUE(sink.result.ok()) << sink.result.message;
  EXPECT_GT(sink.result.timings.total, milliseconds(400));
}

}  // namespace
}  // namespace capeai::net::test
