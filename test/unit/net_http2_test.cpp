// HttpClient over TLS and HTTP/2, through nghttpx (package nghttp2-proxy), which
// is started here in front of a scripted server, with a certificate by openssl.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "net_client_fixture.hpp"

extern char** environ;

namespace capeai::net::test {
namespace {

class Http2Test : public ClientTest {
 protected:
  // nghttpx with a fresh certificate in front of `backend`.
  void Front(const Server& backend) {
    // Debian has nghttpx where only administrators look.
    const std::string path = std::string(getenv("PATH") ? getenv("PATH") : "") + ":/usr/sbin";
    setenv("PATH", path.c_str(), 1);
    ASSERT_EQ(system("{ command -v nghttpx && command -v openssl; } >/dev/null 2>&1"), 0)
        << "missing: tools/setup test installs them";
    char pattern[] = "/tmp/capeai_http2_XXXXXX";
    ASSERT_TRUE(mkdtemp(pattern));
    folder = pattern;
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " + folder +
        "/key -out " + folder +
        "/cert -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null";
    ASSERT_EQ(system(make.c_str()), 0);
    port = FreePort();
    const std::string front = "-f127.0.0.1," + std::to_string(port);
    const std::string back = "-b127.0.0.1," + std::to_string(backend.port);
    const std::string key = folder + "/key", cert = folder + "/cert",
                      log = "--errorlog-file=" + folder + "/log";
    const char* argv[] = {"nghttpx",    "--conf=/dev/null", front.c_str(), back.c_str(), key.c_str(),
                          cert.c_str(), "--no-ocsp",        "--workers=1", log.c_str(),  nullptr};
    ASSERT_EQ(posix_spawnp(&child, "nghttpx", nullptr, nullptr, const_cast<char**>(argv), environ), 0);
    ASSERT_TRUE(RunUntil([&] { return Connects(); })) << "nghttpx listens";
  }
  void TearDown() override {
    client.reset();
    if (child > 0) {
      kill(child, SIGTERM);
      waitpid(child, nullptr, 0);
    }
    if (!folder.empty() && system(("rm -r " + folder).c_str()) != 0)
      ADD_FAILURE() << "cannot remove " << folder;
  }
  HttpRequest AskFront(std::string body) {
    HttpRequest request = Ask("https://127.0.0.1:" + std::to_string(port) + "/x", std::move(body));
    request.ca_file = folder + "/cert";
    request.max_response_bytes = 64 << 20;
    return request;
  }

 private:
  static uint16_t FreePort() {
    Server probe([](Peer&) {});
    return probe.port;
  }
  bool Connects() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool ok = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (!ok) poll(nullptr, 0, 10);
    return ok;
  }

  std::string folder;
  uint16_t port = 0;
  pid_t child = -1;
};

void Echo(Peer& peer) {
  for (std::string r; !(r = peer.ReadRequest()).empty();) {
    if (!peer.Send(Response(r.substr(r.find("\r\n\r\n") + 4)))) return;
  }
}

TEST_F(Http2Test, ABurstSharesConnections) {
  Server server(Echo);
  Front(server);
  if (HasFatalFailure()) return;
  std::vector<Recorder> sinks(250);
  for (size_t i = 0; i < sinks.size(); ++i) client->Start(AskFront(std::to_string(i)), &sinks[i]);
  ASSERT_TRUE(RunUntil(
      [&] { return std::all_of(sinks.begin(), sinks.end(), [](const Recorder& s) { return s.done; }); }));
  for (size_t i = 0; i < sinks.size(); ++i) {
    EXPECT_EQ(sinks[i].body, std::to_string(i)) << sinks[i].result.message;
    EXPECT_EQ(sinks[i].result.http_version, 20);
    EXPECT_TRUE(sinks[i].result.may_have_sent);
    EXPECT_GT(sinks[i].result.bytes_out, 0u);
  }
  EXPECT_EQ(client->stats().connections_opened, client->stats().shards) << "one for each shard";
  EXPECT_LE(client->stats().shards, 3u);
}

TEST_F(Http2Test, UnknownCertificateIsRefused) {
  Server server(Echo);
  Front(server);
  if (HasFatalFailure()) return;
  Recorder sink;
  HttpRequest request = AskFront("x");
  request.ca_file.clear();
  Exchange(sink, request);
  EXPECT_EQ(HttpErrorName(sink.result.error), "tls") << sink.result.message;
  EXPECT_FALSE(sink.result.may_have_sent);
  EXPECT_EQ(server.connections, 0);
}

// A paused stream must not hold up the others on its connection, nor collect
// what the server sends.
TEST_F(Http2Test, APausedStreamHoldsUpNobody) {
  constexpr size_t kTotal = 48 << 20;
  std::atomic<size_t> sent{0};
  Server server([&](Peer& peer) {
    for (std::string r; !(r = peer.ReadRequest()).empty();) {
      if (!r.ends_with("large")) {
        if (!peer.Send(Response("small"))) return;
        continue;
      }
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
      const std::string block(65536, 'x');
      for (size_t i = 0; i < kTotal / block.size() && peer.Send(block); ++i) sent += block.size();
    }
  });
  Front(server);
  if (HasFatalFailure()) return;
  Recorder paused;
  TransferId id = 0;
  bool hold = true;
  paused.on_data = [&] {
    if (hold) client->Pause(id);
  };
  id = client->Start(AskFront("large"), &paused);
  ASSERT_TRUE(RunUntil([&] { return !paused.body.empty(); }));
  for (int i = 0; i < 20; ++i) {
    Recorder other;
    Exchange(other, AskFront("small"));
    EXPECT_EQ(other.body, "small") << other.result.message;
    EXPECT_TRUE(other.result.reused);
  }
  EXPECT_EQ(client->stats().connections_opened, 1u);
  EXPECT_LE(paused.body.size(), 65536u);
  EXPECT_LT(sent, kTotal);
  hold = false;
  client->Resume(id);
  ASSERT_TRUE(RunUntil([&] { return paused.done; }));
  EXPECT_TRUE(paused.result.ok()) << paused.result.message;
  EXPECT_EQ(paused.body.size(), kTotal);
}

TEST_F(Http2Test, CancelDropsTheStreamOnly) {
  Server server([](Peer& peer) {
    for (std::string r; !(r = peer.ReadRequest()).empty();) {
      if (r.ends_with("hang")) return peer.WaitUntilClosed();
      if (!peer.Send(Response("ok"))) return;
    }
  });
  Front(server);
  if (HasFatalFailure()) return;
  Recorder first, hanging, after;
  Exchange(first, AskFront("x"));
  const TransferId id = client->Start(AskFront("hang"), &hanging);
  ASSERT_TRUE(RunUntil([&] { return server.connections >= 1 && client->NextTimeout() != Duration(0); }));
  EXPECT_TRUE(client->Cancel(id));
  Exchange(after, AskFront("x"));
  EXPECT_EQ(after.body, "ok") << after.result.message;
  EXPECT_TRUE(after.result.reused);
  EXPECT_EQ(client->stats().connections_opened, 1u);
  EXPECT_FALSE(hanging.done);
}

}  // namespace
}  // namespace capeai::net::test
