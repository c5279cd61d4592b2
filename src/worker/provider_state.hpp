// What all workers of the cluster know about one provider and model: the pause
// that a 429 asked for, the circuit breaker, and what was sent in the last minute. In
// shared memory.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "metrics/llm.hpp"
#include "openai/chat.hpp"
#include "openai/rate_limit.hpp"
#include "pg/shared.hpp"
#include "policy/breaker.hpp"
#include "policy/bucket.hpp"

namespace capeai::worker {

// What may go to a model in a minute, as this database's limits have it; empty: any number.
struct PerMinute {
  std::optional<double> requests, tokens;
  bool none() const { return !requests && !tokens; }
};

class ProviderGate {
 public:
  // Shown in health as "model @ host"; of the key only a hash is kept.
  ProviderGate(const std::string& base_url, const std::string& key, const std::string& model);

  // Why no request may go out now ("provider_paused", "circuit_open",
  // "rate_limited"), and for how long; nothing: it may. Changes nothing.
  struct Closed {
    const char* reason;
    Duration wait;
  };
  std::optional<Closed> Peek(MonoTime now) const;
  // The same for a request that goes out if it may: once a circuit's pause is
  // over, only the first to ask may, as its probe.
  std::optional<Closed> Enter(MonoTime now);

  // How many requests of `tokens` each the limit lets through now, if nobody else
  // takes them; when none, `wait` says how long for the first.
  int64_t Allows(const PerMinute& limit, double tokens, MonoTime now, Duration* wait) const;
  // Takes one of `tokens`, or says how long to wait for it.
  std::optional<Closed> Take(const PerMinute& limit, double tokens, MonoTime now);
  // What was taken was `surplus` tokens more (or, below 0, fewer) than were used.
  void Settle(double surplus, MonoTime now);
  // Use that the buckets do not know of, since they are new (a server that has
  // just started). Without effect on others.
  void Remember(const PerMinute& limit, double requests, double tokens, MonoTime now);
  // What the server says of its limits: nothing is sent before one that is used
  // up is reset.
  void Learn(const RateLimits& limits, MonoTime now);

  // What became of a request that was let in at `sent`.
  void OnSuccess(MonoTime now);
  void OnError(const ChatError& error, MonoTime sent, MonoTime now);
  // It was dropped without an answer.
  void OnAbandoned(MonoTime sent, MonoTime now);
  // For capeai.stat_llm.
  void Count(const metrics::LlmCall& call) {
    if (state_) metrics::Count(state_->calls, call);
  }

  // The circuit is open, or a probe is to decide: at most one request may go out.
  bool open() const;

 private:
  void PauseUntil(MonoTime until);

  pg::ProviderState* state_ = nullptr;  // nullptr: the table is full; then nothing is known
};

}  // namespace capeai::worker
