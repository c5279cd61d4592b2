// What the tests of HttpClient share: a sink that records, and a loop that runs
// the client until a condition holds.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/client.hpp"
#include "net_server.hpp"

namespace capeai::net::test {

class Recorder : public HttpSink {
 public:
  void OnHeaders(int s, Headers h) override {
    status = s;
    headers = std::move(h);
    ++heads;
    headers_unheard = true;
    if (at_headers) at_headers();
  }
  bool OnData(std::string_view bytes) override {
    body += bytes;
    largest = std::max(largest, bytes.size());
    data_unheard = true;
    if (at_data) at_data();
    return body.size() < enough;
  }
  void OnEnd(const HttpResult& r) override {
    EXPECT_FALSE(ended) << "OnEnd twice";
    ended = true;
    error_at_end = r.error;
    if (at_end) at_end();
  }
  void OnNews() override {
    EXPECT_TRUE(headers_unheard || data_unheard) << "no news";
    EXPECT_FALSE(done);
    const bool head = std::exchange(headers_unheard, false), data = std::exchange(data_unheard, false);
    if (head && on_headers) on_headers();
    if (data && on_data) on_data();
  }
  void OnDone(const HttpResult& r) override {
    EXPECT_TRUE(ended);
    EXPECT_FALSE(headers_unheard || data_unheard) << "OnNews comes first";
    EXPECT_FALSE(done) << "OnDone twice";
    done = true;
    result = r;
    if (on_done) on_done();
  }

  int status = 0;
  int heads = 0;
  Headers headers;
  std::string body;
  size_t largest = 0;
  size_t enough = SIZE_MAX;
  bool headers_unheard = false, data_unheard = false, ended = false;
  bool done = false;
  HttpError error_at_end = HttpError::kNone;
  HttpResult result;
  std::function<void()> at_headers, at_data, at_end;   // as they come
  std::function<void()> on_headers, on_data, on_done;  // by Run()
};

class ClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(HttpClient::GlobalInit().ok()); }
  static void TearDownTestSuite() { HttpClient::GlobalCleanup(); }

  void SetUp() override { Make("127.0.0.0/8 ::1"); }
  void Make(const char* allowed, HttpClientOptions options = {}) {
    client.reset();
    auto policy = EgressPolicy::Create("", allowed);
    ASSERT_TRUE(policy.ok());
    client = std::make_unique<HttpClient>(*poller, std::make_shared<EgressPolicy>(*policy), options);
  }

  // Runs the loop as the worker does; false if `done` does not come true.
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::seconds(20)) {
    const MonoTime stop = MonoNow() + limit;
    while (!done()) {
      if (MonoNow() > stop) return false;
      const Duration wait =
          std::min<Duration>(client->NextTimeout().value_or(limit), std::chrono::seconds(1));
      pollfd p{client->fd(), POLLIN, 0};
      poll(&p, 1, static_cast<int>(Millis(wait + std::chrono::microseconds(999))));
      client->Run();
    }
    return true;
  }
  // One exchange from beginning to end.
  void Exchange(Recorder& sink, HttpRequest request) {
    client->Start(std::move(request), &sink);
    ASSERT_TRUE(RunUntil([&] { return sink.done; }));
  }
  static HttpRequest Ask(const std::string& url, std::string body = "{}") {
    HttpRequest request;
    request.url = url;
    request.body = std::move(body);
    request.headers = {"Content-Type: application/json", "Authorization: Bearer k"};
    return request;
  }

  std::unique_ptr<Poller> poller = std::move(*Poller::Create());
  std::unique_ptr<HttpClient> client;
};

}  // namespace capeai::net::test
