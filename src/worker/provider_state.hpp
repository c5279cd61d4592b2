// What all workers of the cluster know about one provider and model: the pause
// that a 429 asked for, and the circuit breaker. In shared memory.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "openai/chat.hpp"
#include "pg/shared.hpp"
#include "policy/breaker.hpp"

namespace capeai::worker {

class ProviderGate {
 public:
  // Shown in health as "model @ host"; of the key only a hash is kept.
  ProviderGate(const std::string& base_url, const std::string& key, const std::string& model);

  // Why no request may go out now ("provider_paused", "circuit_open"), and for
  // how long; nothing: it may. Changes nothing.
  struct Closed {
    const char* reason;
    Duration wait;
  };
  std::optional<Closed> Peek(MonoTime now) const;
  // The same for a request that goes out if it may: once a circuit's pause is
  // over, only the first to ask may, as its probe.
  std::optional<Closed> Enter(MonoTime now);

  void OnSuccess();
  void OnError(const ChatError& error, MonoTime now);
  // A request that was let in was dropped without an answer.
  void OnAbandoned(MonoTime now);

 private:
  pg::ProviderState* state_ = nullptr;  // nullptr: the table is full; then nothing is known
};

// The probes of this process will have no answer: others may try at once. Raises
// nothing and waits for nothing: runs while the process ends.
void ReleaseProbes();

}  // namespace capeai::worker
