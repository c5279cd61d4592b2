// One client connection: bytes in, requests to the service, replies out in
// their own time. Non-blocking; the server (server.hpp) tells it when.
#pragma once

#include <cstdint>
#include <string>

#include "http.hpp"
#include "reply.hpp"
#include "service.hpp"

namespace mock {

// What a connection asks of the loop after each turn.
struct Wish {
  bool close = false;     // the descriptor is to be closed (the connection is over)
  bool writable = false;  // call OnWritable when the socket takes bytes
  int64_t due = -1;       // call OnTimer then (CLOCK_MONOTONIC, microseconds); -1: no timer
};

class Connection {
 public:
  Connection(int fd, Service& service) : fd_(fd), service_(service) {}

  // Each returns what to do next; after `close` the connection is not called again.
  Wish OnReadable(int64_t now);
  Wish OnWritable(int64_t now) { return Pump(now); }
  Wish OnTimer(int64_t now);

  int fd() const { return fd_; }

 private:
  Wish Serve(std::string_view bytes, int64_t now, bool borrowed);
  Wish Pump(int64_t now);
  Wish Finish(int64_t now);
  Wish Leave();
  bool IsDue(int64_t delay, int64_t now, Wish& wish);
  bool Flush();

  const int fd_;
  Service& service_;
  HttpParser parser_;
  std::string input_;  // bytes of an unfinished or later request
  bool busy_ = false;  // reply_ is being played
  Reply reply_;
  size_t next_ = 0;     // piece
  int64_t due_ = -1;    // when piece next_ may go; -1: its wait has not begun
  std::string output_;  // being written
  size_t written_ = 0;  // of output_
};

// Microseconds since 1970, and since some fixed point for waiting.
int64_t WallMicros();
int64_t MonotonicMicros();

}  // namespace mock
