// The physical limit: a plain curl_multi loop that asks the model N times with C
// requests in flight and does nothing with the answers. With C = 1 it is the bare
// HTTP round trip over one kept connection. Prints one line of JSON.
//
//   curl_loop URL N C [connections-per-multi [stream]]
//
// libcurl 7.88 slows down with the connections in one multi handle, so they are
// spread over several in one epoll (the fourth argument: how many each; default 100).
// A fifth asks for the answers as streams.
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Multi {
  CURLM* handle = nullptr;
  int epoll = -1;
  Clock::time_point due = Clock::time_point::max();
};

struct Load {
  std::string url;
  std::string body =
      R"({"model":"mock","messages":[{"role":"user","content":"Question 1 about backups and their restore"}]})";
  curl_slist* headers = nullptr;
  size_t requests = 0, started = 0, done = 0, failed = 0;
  std::vector<double> latencies;
  std::vector<std::unique_ptr<Multi>> multis;
};

size_t Discard(char*, size_t size, size_t count, void*) noexcept { return size * count; }

int OnSocket(CURL*, curl_socket_t fd, int what, void* of, void* known) noexcept {
  auto* multi = static_cast<Multi*>(of);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(multi->epoll, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.u64 = static_cast<uint64_t>(fd);
  event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
  epoll_ctl(multi->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  curl_multi_assign(multi->handle, fd, multi);
  return 0;
}

int OnTimer(CURLM*, long milliseconds, void* of) noexcept {
  static_cast<Multi*>(of)->due =
      milliseconds < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(milliseconds);
  return 0;
}

CURL* NewRequest(const Load& load) {
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, load.url.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, load.body.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(load.body.size()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, load.headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Discard);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  return easy;
}

void Collect(Load& load, Multi& multi) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi.handle, &left)) {
    CURL* easy = message->easy_handle;
    const CURLcode result = message->data.result;
    long status = 0;
    double total = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &total);
    load.latencies.push_back(total);
    ++load.done;
    if (result != CURLE_OK || status != 200) ++load.failed;
    curl_multi_remove_handle(multi.handle, easy);
    if (load.started < load.requests) {
      ++load.started;
      curl_multi_add_handle(multi.handle, easy);
    } else {
      curl_easy_cleanup(easy);
    }
  }
}

void Turn(Load& load, Multi& multi) {
  epoll_event events[256];
  int running = 0;
  const int n = epoll_wait(multi.epoll, events, 256, 0);
  for (int i = 0; i < n; ++i) {
    const int action = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(multi.handle, static_cast<int>(events[i].data.u64), action, &running);
  }
  if (multi.due <= Clock::now()) {
    multi.due = Clock::time_point::max();
    curl_multi_socket_action(multi.handle, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  Collect(load, multi);
}

void Run(Load& load, size_t in_flight, size_t each) {
  const int outer = epoll_create1(0);
  for (size_t first = 0; first < std::min(in_flight, load.requests); first += each) {
    auto multi = std::make_unique<Multi>();
    multi->handle = curl_multi_init();
    multi->epoll = epoll_create1(0);
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, OnSocket);
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi.get());
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, OnTimer);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi.get());
    curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, static_cast<long>(each));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = multi.get();
    epoll_ctl(outer, EPOLL_CTL_ADD, multi->epoll, &event);
    const size_t here = std::min({each, in_flight - first, load.requests - load.started});
    for (size_t i = 0; i < here; ++i, ++load.started) curl_multi_add_handle(multi->handle, NewRequest(load));
    load.multis.push_back(std::move(multi));
  }
  while (load.done < load.requests) {
    auto due = Clock::time_point::max();
    for (const auto& multi : load.multis) due = std::min(due, multi->due);
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(due - Clock::now()).count();
    epoll_event events[64];
    epoll_wait(outer, events, 64,
               due == Clock::time_point::max() ? 1000 : static_cast<int>(std::max<long>(0, wait)));
    for (const auto& multi : load.multis) Turn(load, *multi);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: curl_loop URL N C [connections-per-multi [stream]]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Load load;
  load.url = argv[1];
  if (argc > 5) load.body.insert(1, R"("stream":true,)");
  load.requests = strtoul(argv[2], nullptr, 10);
  load.headers = curl_slist_append(load.headers, "Content-Type: application/json");
  load.headers = curl_slist_append(load.headers, "Authorization: Bearer sk-test");
  load.headers = curl_slist_append(load.headers, "Expect:");
  const double cpu = CpuSeconds();
  const auto start = Clock::now();
  Run(load, strtoul(argv[3], nullptr, 10), argc > 4 ? strtoul(argv[4], nullptr, 10) : 100);
  const double wall = Since(start), used = CpuSeconds() - cpu;
  std::sort(load.latencies.begin(), load.latencies.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  printf(
      "{\"requests\": %zu, \"failed\": %zu, \"wall_s\": %.6f, \"cpu_s\": %.6f, \"median_ms\": %.4f, "
      "\"p99_ms\": %.4f, \"peak_rss_mb\": %.1f}\n",
      load.done, load.failed, wall, used, load.latencies[load.latencies.size() / 2] * 1e3,
      load.latencies[load.latencies.size() * 99 / 100] * 1e3, static_cast<double>(usage.ru_maxrss) / 1024);
  return load.failed == 0 ? 0 : 1;
}
