// A mock of OpenAI's HTTP API, for tests and benchmarks: command line, limits,
// signals. README.md in this folder tells how it is scripted.
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "server.hpp"

namespace {

constexpr const char* kUsage =
    "Usage: mock_openai [options]\n"
    "Prints \"port N\" when it is ready. Ends on SIGTERM or SIGINT.\n"
    "  --port N            TCP port, 0 (default) for any free one\n"
    "  --host ADDRESS      IPv4 address to listen on (default 127.0.0.1)\n"
    "  --unix PATH         listen on this Unix socket too\n"
    "  --key KEY           the API key to demand (default sk-test)\n"
    "  --no-auth           demand none\n"
    "  --default SETTINGS  script of requests that bring none\n"
    "  --keep N            requests to remember (default 20000)\n"
    "  --bodies N          request bodies to remember (default 256)\n"
    "  --exit-with-stdin   end when standard input is closed\n";

struct Options {
  int port = 0;
  std::string host = "127.0.0.1";
  std::string unix_path;
  bool exit_with_stdin = false;
  mock::ServiceOptions service;
};

// Exits on --help and on a wrong option.
Options ParseOptions(int argc, char** argv) {
  static const option kLong[] = {
      {"port", required_argument, nullptr, 'p'},
      {"host", required_argument, nullptr, 'h'},
      {"unix", required_argument, nullptr, 'u'},
      {"key", required_argument, nullptr, 'k'},
      {"no-auth", no_argument, nullptr, 'n'},
      {"default", required_argument, nullptr, 'd'},
      {"keep", required_argument, nullptr, 'r'},
      {"bodies", required_argument, nullptr, 'b'},
      {"exit-with-stdin", no_argument, nullptr, 'e'},
      {"help", no_argument, nullptr, '?'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (c) {
      case 'p':
        options.port = std::atoi(optarg);
        break;
      case 'h':
        options.host = optarg;
        break;
      case 'u':
        options.unix_path = optarg;
        break;
      case 'k':
        options.service.key = optarg;
        break;
      case 'n':
        options.service.key.clear();
        break;
      case 'd':
        options.service.default_script = optarg;
        break;
      case 'r':
        options.service.kept_requests = std::strtoul(optarg, nullptr, 10);
        break;
      case 'b':
        options.service.kept_bodies = std::strtoul(optarg, nullptr, 10);
        break;
      case 'e':
        options.exit_with_stdin = true;
        break;
      default:
        std::fputs(kUsage, stderr);
        std::exit(2);
    }
  }
  if (options.service.kept_requests == 0) options.service.kept_requests = 1;
  return options;
}

// As many descriptors as the system allows: 10,000 connections and more.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int SignalDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = ParseOptions(argc, argv);
  RaiseDescriptorLimit();
  mock::Service service(options.service);
  mock::Server server(service);
  server.StopOn(SignalDescriptor(), false);
  if (options.exit_with_stdin) server.StopOn(STDIN_FILENO, true);
  const int port = server.ListenTcp(options.host, options.port);
  if (port < 0 || (!options.unix_path.empty() && !server.ListenUnix(options.unix_path))) {
    std::fprintf(stderr, "mock_openai: cannot listen: %s\n", std::strerror(errno));
    return 1;
  }
  std::printf("port %d\n", port);
  std::fflush(stdout);
  server.Run();
  if (!options.unix_path.empty()) unlink(options.unix_path.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "mock_openai: %s\n", problem.what());
  return 1;
}
