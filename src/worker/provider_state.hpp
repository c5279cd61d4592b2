// What all workers of the cluster know about one provider and model: the pause
// that a 429 asked for, and the circuit breaker. In shared memory.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "openai/chat.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {

class ProviderGate {
 public:
  // `label` is shown in health: "model @ host". Never the key.
  ProviderGate(const std::string& base_url, const std::string& key, const std::string& model);

  // May a request go out now? If not, why ("provider_paused", "circuit_open")
  // and for how long not.
  struct Closed {
    const char* reason;
    Duration wait;
  };
  std::optional<Closed> Check(MonoTime now);

  void OnSuccess();
  void OnError(const ChatError& error, MonoTime now);

 private:
  pg::ProviderState* state_ = nullptr;   // nullptr: the table is full; then nothing is known
};

}  // namespace capeai::worker
