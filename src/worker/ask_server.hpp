// The worker's end of the channels to backends that ask: new requests in,
// deltas and answers out. It never waits for a backend.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/ask.hpp"
#include "pg/channel.hpp"
#include "worker/work.hpp"

namespace capeai::worker {

class AskServer {
 public:
  explicit AskServer(int slot) : slot_(slot) {}

  struct Arrived {
    AskAddress address;
    AskRequest request;
  };
  struct News {
    std::vector<Arrived> requests;
    std::vector<AskAddress> cancelled;   // by name, or because the backend is gone
    std::vector<AskAddress> drained;     // may be sent to again after was_full
  };
  // Reads what backends sent and writes what is queued for them. Call it
  // whenever the latch was set.
  News Poll();

  void SendDelta(const AskAddress& to, std::string_view text);
  // `last`: the request is finished with this.
  void Send(const AskAddress& to, AskReply reply, bool last);
  // True while more is queued for that backend than it should be.
  bool IsFull(const AskAddress& to) const;
  size_t in_flight() const;

 private:
  struct Connection {
    std::unique_ptr<pg::Channel> channel;
    std::vector<uint32_t> open;    // numbers of requests under way
    bool was_full = false;
  };
  Connection* Find(const AskAddress& to);
  const Connection* Find(const AskAddress& to) const;
  // False when the backend has let go of its channel.
  bool ReadFrom(int proc, Connection& connection, News& news);
  void Close(int proc, News& news);

  int slot_;
  std::unordered_map<int, Connection> connections_;
};

}  // namespace capeai::worker
