// Poller: many sockets behind one private epoll descriptor, so that an event
// loop that can wait for a few descriptors only (PostgreSQL's WaitEventSet, to
// which a socket can be added but never taken away) waits for thousands.
//
// It must not know: curl, HTTP, PostgreSQL, time. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.hpp"

namespace capeai::net {

// What a socket is watched for, and what it is ready for. Bits.
inline constexpr uint32_t kReadable = 1;
inline constexpr uint32_t kWritable = 2;
inline constexpr uint32_t kBroken = 4;  // error or hang-up; reported, never asked for

// Is told about sockets that became ready.
class PollHandler {
 public:
  virtual ~PollHandler() = default;
  // May add, modify and remove any socket. Called by Dispatch only.
  virtual void OnReady(int socket, uint32_t ready) noexcept = 0;
};

class Poller {
 public:
  // Events handled by one Dispatch, so that a flood on the sockets cannot keep
  // the loop from its other work. What is left keeps fd() readable.
  static constexpr int kMaxEvents = 256;

  // Fails with 53200 when the process has no descriptor left.
  static Result<std::unique_ptr<Poller>> Create();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Readable whenever Dispatch has work. Closed by the destructor, not before.
  int fd() const { return epoll_; }

  // Watches `socket` for `interest` (kReadable | kWritable, level-triggered) on
  // behalf of `handler`, or changes what it is watched for. False when the
  // kernel refuses (bad descriptor, no memory): then it is not watched.
  bool Watch(int socket, uint32_t interest, PollHandler* handler);

  // Stops watching; events already fetched for it are dropped. Harmless for an
  // unknown or already closed socket. Call it before close().
  void Remove(int socket);

  // Fetches at most `most` (1..kMaxEvents) of what is ready now and calls the
  // handlers; never waits. Returns the number of events fetched: fewer than
  // `most` means that nothing is left. Repeated calls reach every ready socket
  // in turn.
  int Dispatch(int most = kMaxEvents);

  size_t watched() const { return watched_; }

 private:
  // One per descriptor number. `generation` tells an event fetched for an
  // earlier owner of the number from one of the present owner.
  struct Entry {
    PollHandler* handler = nullptr;
    uint32_t generation = 0;
    uint32_t interest = 0;
  };

  explicit Poller(int epoll) : epoll_(epoll) {}

  int epoll_;
  size_t watched_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace capeai::net
