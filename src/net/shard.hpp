// A shard: one curl multi handle with up to about a hundred transfers and its
// own connection pool. libcurl 7.88's CPU per request grows with the
// connections in a multi handle, so many small ones beat one big one. Private
// to net/.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>

#include "base/time.hpp"
#include "net/poller.hpp"

namespace capeai::net {

class Transfer;

class Shard : public PollHandler {
 public:
  // `capacity` transfers, and as many idle connections. Sockets that are only read
  // are watched by `readers` if that is not null. Throws bad_alloc.
  Shard(Poller& poller, Poller* readers, size_t capacity);
  // No transfer may be left. Closes the connections.
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // False when curl refuses (out of memory).
  bool Add(Transfer& transfer);
  // Not from within curl. Safe for a transfer that is done.
  void Remove(Transfer& transfer, MonoTime now);

  void OnReady(int socket, uint32_t ready) noexcept override;
  void RunTimers();
  // The next finished transfer, or nullptr.
  Transfer* NextDone(CURLcode* code);

  bool full() const { return active >= capacity_; }
  // Connections that probably wait for a transfer (with HTTP/1.1).
  bool warm() const { return sockets > active; }
  bool paced() const { return readers_ != nullptr; }

  size_t active = 0;   // transfers
  size_t sockets = 0;  // open connections
  uint64_t sockets_opened = 0;
  bool touched = false;           // curl ran: there may be finished transfers
  bool faulty = false;            // a transfer has a fault that curl will not report
  bool retired = false;           // takes no more transfers
  bool stays = false;             // keeps its connections, however long they are idle
  std::optional<MonoTime> timer;  // when curl wants to run
  MonoTime idle_since{};          // while active == 0

 private:
  static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void*) noexcept;
  static int OnTimer(CURLM*, long timeout_ms, void* self) noexcept;

  Poller& poller_;
  Poller* readers_;
  CURLM* multi_;
  size_t capacity_;
};

// CURLOPT_CLOSESOCKETFUNCTION; `shard` is the one that the connection lives in.
int CloseShardSocket(void* shard, curl_socket_t socket) noexcept;

}  // namespace capeai::net
