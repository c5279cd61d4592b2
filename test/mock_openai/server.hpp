// The event loop: listening sockets, connections, one heap of timers. One
// thread, level-triggered epoll.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "connection.hpp"
#include "service.hpp"

namespace mock {

class Server {
 public:
  explicit Server(Service& service);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens on an IPv4 address; port 0 picks a free one. The port, or -1 with errno set.
  int ListenTcp(const std::string& host, int port);
  // Listens on a Unix socket, replacing what is at `path`. False with errno set.
  bool ListenUnix(const std::string& path);
  // Run ends when this descriptor is readable or closed (a signalfd, stdin).
  void StopOn(int fd, bool only_at_end_of_file);

  void Run();

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint32_t generation = 0;  // tells events of a closed descriptor's successor apart
    int64_t due = -1;
    bool writable = false;
  };
  struct Timer {
    int64_t due;
    int fd;
    uint32_t generation;
    bool operator>(const Timer& other) const { return due > other.due; }
  };

  void Accept(int listener);
  void OnEvent(int fd, uint32_t generation, uint32_t events);
  void Obey(int fd, const Wish& wish);
  void Close(int fd);
  void FireTimers();
  bool Listen(int fd);
  bool IsStop(int fd);

  Service& service_;
  int epoll_ = -1;
  std::vector<int> listeners_;
  std::vector<std::pair<int, bool>> stops_;
  std::vector<Slot> slots_;  // by descriptor
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  int64_t now_ = 0;
  bool running_ = true;
};

}  // namespace mock
