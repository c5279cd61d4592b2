// HttpClient: thousands of HTTP exchanges at a time, behind one descriptor. libcurl does the protocol (its
// multi-socket interface); this file spreads transfers over many curl multi handles ("shards",
// net/shard.hpp), keeps connections warm, watches time-outs, and applies the egress rules to every address
// that is connected to (net/egress.hpp).
//
// It must not know: what the bytes mean, retries, keys, PostgreSQL. It reads
// the monotonic clock itself, because libcurl does.
//
// Use, in the event loop:
//   HttpClient::GlobalInit();                       // once, after the fork
//   auto poller = Poller::Create();
//   HttpClient client(**poller, policy);
//   for (;;) {
//     wait for client.fd() or the latch, at most client.NextTimeout();
//     client.Run();                                 // calls the sinks
//     client.Leave();                               // a thread of its own serves the sockets ...
//     what takes long and does not touch the client
//     client.Return();                              // ... until here
//   }
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/time.hpp"
#include "net/egress.hpp"
#include "net/http.hpp"
#include "net/poller.hpp"

namespace capeai::net {

// Names one transfer of one client; never reused. 0 is no transfer.
using TransferId = uint64_t;

struct HttpClientOptions {
  // Transfers (so, with HTTP/1.1, connections) in one curl multi handle.
  // libcurl 7.88's CPU per request grows with it: 20 us at 100, 227 us at 5,000.
  size_t transfers_per_shard = 100;
  // Connections of a shard that had no transfer for so long are closed; those
  // of the first shard stay warm.
  Duration shard_idle_timeout = std::chrono::seconds(60);
  // Bytes of bodies that all responses under way may have brought. Beyond it they
  // are read one after the other.
  size_t response_memory = size_t{512} << 20;
  // How long responses to paced requests may lie in their sockets while many bring
  // something (net/paced_poller.hpp).
  Duration pace{0};
};

// Counted since the client was made; `in_flight`, `connections`: now.
struct HttpClientStats {
  uint64_t requests = 0;
  uint64_t failures = 0;            // OnDone without ok()
  uint64_t connections_opened = 0;  // sockets, including ones that then failed
  uint64_t requests_reused = 0;     // finished ones that found an open connection
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  size_t in_flight = 0;    // started and not done, waiting ones included
  size_t connections = 0;  // open sockets, idle ones included
  size_t shards = 0;
};

class HttpClient {
 public:
  // Initialises libcurl and its TLS library for this process: after the fork,
  // before the first HttpClient, never in _PG_init.
  static Status GlobalInit();
  static void GlobalCleanup();

  // `poller` must outlive the client. `egress` must not be null.
  HttpClient(Poller& poller, std::shared_ptr<const EgressPolicy> egress, HttpClientOptions options = {});
  // Drops every transfer without telling its sink; does not wait for anything.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Begins a transfer; nothing is sent, and `sink` is not called, before the
  // next Run() (NextTimeout() is then 0). A request that cannot be sent is told
  // to the sink by Run() too, so there is one way to fail. Throws bad_alloc only.
  TransferId Start(HttpRequest request, HttpSink* sink);

  // Drops the transfer at once (HTTP/1.1: its connection, HTTP/2: its stream).
  // The sink hears nothing more of it. False if it is unknown or already done.
  bool Cancel(TransferId id);

  // After Pause no OnData comes until Resume; curl stops reading the socket, so
  // at most about one receive buffer (16 kB) waits in memory and TCP makes the
  // server wait (HTTP/2: the stream's window closes). What had come before OnNews
  // was called is at most 64 kB. The idle time-out stands
  // still, the total one runs on. Unknown ids are ignored.
  void Pause(TransferId id);
  void Resume(TransferId id);

  // The rules for connections from now on. Transfers in flight finish; idle
  // connections opened under the old rules are not used again. The same rules
  // again change nothing.
  void SetEgress(std::shared_ptr<const EgressPolicy> egress);

  // How long the loop may wait for fd() before it must call Run(): 0 = not at
  // all, nothing = as long as it likes.
  std::optional<Duration> NextTimeout() const;

  // Does what is due: ready sockets, timers, finished transfers. Never waits;
  // works for a few milliseconds at most, then leaves the rest to the next call
  // (fd() stays readable or NextTimeout() 0). Blocks signals while it runs, so
  // that threads which curl starts for name lookups never see one. Not to be
  // called from a sink.
  void Run();

  // Between Leave and Return, and only then, a thread of the client's own does
  // what Run does, but for OnNews and OnDone, which the next Run makes up for. The
  // owner calls nothing of the client's meanwhile, and a sink's OnHeaders, OnData
  // and OnEnd may come from the thread. With little under way both do nothing.
  // Return waits until the thread has put down what it has in hand.
  //
  // With `go_on`, the thread takes the owner's place: sinks of transfers that have
  // ended hear of it there, OnNews and OnDone, and then it calls `go_on`, which may
  // use the client as in Run, ends soon once `called_back` is true, and returns
  // whether there is more for it to do. What it throws comes out of the next Run.
  // `waiting`: what there is for it to do already, in pieces like a transfer's.
  using GoOn = std::function<bool(const std::atomic<bool>& called_back)>;
  void Leave(const GoOn* go_on = nullptr, size_t waiting = 0) noexcept;
  void Return() noexcept;
  // Ends the thread, wherever the owner is: before the process ends.
  void StopBackground();

  // See HttpClientOptions.
  void SetResponseMemory(size_t bytes);
  void SetPace(Duration pace);

  // Of responses that are read together (HttpRequest::paced) some have been, the others come with the next
  // Run.
  bool reading() const;

  int fd() const;
  HttpClientStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capeai::net
