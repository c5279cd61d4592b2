// Load for net/ alone: N requests, C of them in flight, against a server that
// speaks HTTP (the mock OpenAI server of test/). Prints requests per second, CPU
// per request, memory per transfer in flight, and connections.
//
//   net_load URL N C [body-bytes] [ca-file]
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "net/client.hpp"

namespace {

using namespace capeai;
using namespace capeai::net;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ResidentKilobytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4;
}

struct Load {
  std::string url, body, ca_file;
  size_t requests = 0, in_flight = 0;
  size_t started = 0, done = 0, failed = 0;
  std::vector<Duration> latencies;
  std::string first_failure;
  HttpClient* client = nullptr;

  void StartOne();
};

struct OneSink : HttpSink {
  explicit OneSink(Load& of) : load(of) {}
  void OnHeaders(int, Headers) override {}
  bool OnData(std::string_view) override { return true; }
  void OnDone(const HttpResult& result) override {
    ++load.done;
    load.latencies.push_back(result.timings.total);
    if (!result.ok() || result.status != 200) {
      ++load.failed;
      if (load.first_failure.empty())
        load.first_failure = result.message + " " + std::to_string(result.status);
    }
    if (load.started < load.requests) load.StartOne();
  }
  Load& load;
};

void Load::StartOne() {
  static OneSink sink(*this);
  HttpRequest request;
  request.url = url;
  request.body = body;
  request.ca_file = ca_file;
  request.headers = {"Content-Type: application/json", "Authorization: Bearer sk-test"};
  client->Start(std::move(request), &sink);
  ++started;
}

int Main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: net_load URL N C [body-bytes] [ca-file]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  Load load;
  load.url = argv[1];
  load.requests = strtoul(argv[2], nullptr, 10);
  load.in_flight = strtoul(argv[3], nullptr, 10);
  const std::string filler(argc > 4 ? strtoul(argv[4], nullptr, 10) : 100, 'x');
  load.body = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":")" + filler + R"("}]})";
  if (argc > 5) load.ca_file = argv[5];

  if (!HttpClient::GlobalInit().ok()) return 1;
  auto poller = std::move(*Poller::Create());
  auto policy = EgressPolicy::Create(load.url.substr(0, load.url.find('?')), "127.0.0.0/8");
  if (!policy.ok()) return 1;
  HttpClient client(*poller, std::make_shared<EgressPolicy>(*policy));
  load.client = &client;

  const double rss = ResidentKilobytes(), cpu = CpuSeconds();
  double peak = rss;
  size_t most_shards = 0, most_connections = 0;
  const MonoTime start = MonoNow();
  while (load.started < std::min(load.requests, load.in_flight)) load.StartOne();
  MonoTime sampled = start;
  double longest_turn = 0;
  while (load.done < load.requests) {
    pollfd p{client.fd(), POLLIN, 0};
    const Duration wait = client.NextTimeout().value_or(std::chrono::seconds(1));
    poll(&p, 1, static_cast<int>(Millis(wait + std::chrono::microseconds(999))));
    const MonoTime before = MonoNow();
    client.Run();
    const MonoTime after = MonoNow();
    longest_turn = std::max(longest_turn, Seconds(after - before));
    if (after - sampled > std::chrono::milliseconds(50)) {
      sampled = after;
      peak = std::max(peak, ResidentKilobytes());
      most_shards = std::max(most_shards, client.stats().shards);
      most_connections = std::max(most_connections, client.stats().connections);
    }
  }
  const double wall = Seconds(MonoNow() - start), used = CpuSeconds() - cpu;
  std::sort(load.latencies.begin(), load.latencies.end());
  const HttpClientStats stats = client.stats();
  printf("requests %zu  in flight %zu  failed %zu %s\n", load.done, load.in_flight, load.failed,
         load.first_failure.c_str());
  printf(
      "wall %.3f s  %.0f requests/s  CPU %.1f us/request  p50 %.1f ms  p99 %.1f ms  longest turn %.1f ms\n",
      wall, static_cast<double>(load.done) / wall, used * 1e6 / static_cast<double>(load.done),
      Seconds(load.latencies[load.latencies.size() / 2]) * 1e3,
      Seconds(load.latencies[load.latencies.size() * 99 / 100]) * 1e3, longest_turn * 1e3);
  printf("memory %.1f kB per request in flight  connections opened %lu, most at once %zu  shards %zu\n",
         (peak - rss) / static_cast<double>(load.in_flight),
         static_cast<unsigned long>(stats.connections_opened), most_connections,
         std::max(most_shards, stats.shards));
  return load.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return Main(argc, argv); }
