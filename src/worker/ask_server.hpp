// The worker's end of the channels to backends that ask: new requests in,
// deltas and answers out. It never waits for a backend.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
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
    std::vector<std::pair<AskAddress, AskFound>> found;  // for requests that were searching
    std::vector<AskAddress> cancelled;                   // by name, or because the backend is gone
    std::vector<AskAddress> drained;                     // streams that may be sent to again after IsFull()
    std::vector<AskAddress> idle;  // streams whose text nobody has read for their idle time
  };
  // Reads what backends sent and writes what is queued for them. Call it
  // whenever the latch was set, and when due() has come.
  News Poll(MonoTime now);
  // When a stream may become idle; nothing if none can.
  std::optional<MonoTime> due() const { return next_idle_; }

  // What is sent waits for Flush(), so that sending needs no PostgreSQL.
  //
  // Text of a stream; `now` is when it begins to wait for its reader.
  void SendDelta(const AskAddress& to, std::string_view text, MonoTime now);
  // `last`: the request is finished with this.
  void Send(const AskAddress& to, AskReply reply, bool last);
  void Flush();
  // True while the reader of that stream, or its backend, has enough to read.
  bool IsFull(const AskAddress& to) const;
  size_t in_flight() const;

 private:
  // Text on its way to one reader.
  struct Stream {
    Duration idle_timeout{};
    uint64_t unread = 0;      // DeltaCost() sent and not credited
    MonoTime unread_since{};  // of the last credit, or of the first text after all was read
    bool was_full = false;
  };
  struct Connection {
    std::unique_ptr<pg::Channel> channel;
    std::unordered_set<uint32_t> open;             // numbers of requests under way
    std::unordered_map<uint32_t, Stream> streams;  // those of them that stream
    bool full() const;
  };
  Connection* Find(const AskAddress& to);
  const Connection* Find(const AskAddress& to) const;
  // False when the backend has let go of its channel.
  bool ReadFrom(int proc, Connection& connection, MonoTime now, News& news);
  void TakeRequest(int proc, Connection& connection, AskRequest request, News& news);
  void TakeCredit(Connection& connection, const AskCredit& credit, MonoTime now);
  void FindDrained(int proc, Connection& connection, News& news);
  void FindIdle(MonoTime now, News& news);
  void Close(int proc, News& news);

  int slot_;
  std::optional<MonoTime> next_idle_;  // no stream becomes idle before
  std::unordered_map<int, Connection> connections_;
  std::vector<int> unsent_;  // connections with something new to send; one may stand there more than once
};

}  // namespace capeai::worker
