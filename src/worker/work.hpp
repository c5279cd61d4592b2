// One attempt that the worker runs: a queued task that it claimed, or an ask.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.hpp"
#include "agent/ask.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::worker {

// Whom an ask's answer goes to: a connection of AskServer and the request's
// number on it.
struct AskAddress {
  int proc = -1;
  uint32_t handle = 0;  // of the channel, so that a new channel of the same backend is told apart
  uint32_t number = 0;

  auto operator<=>(const AskAddress&) const = default;
};

struct Work {
  Uuid id, agent_id, agent_version_id;
  unsigned owner = 0;
  std::string user_id;
  int attempt = 0;
  int failures = 0;  // charged before this attempt
  int pauses = 0;    // of this ask, in a row
  int max_attempts = 3;
  std::optional<MonoTime> deadline;
  Json input;
  std::string model;
  Json options;
  std::string input_tokens, options_tokens;  // of a claimed task, until it is launched
  bool stream = false;
  std::optional<Uuid> conversation;
  std::vector<Turn> history;
  std::shared_ptr<const Manifest> manifest;
  struct Problem {
    std::string code, message;
  } problem;                                  // why there is no manifest, and it cannot run
  std::optional<AskAddress> ask;              // empty: a queued task
  std::shared_ptr<const AskRequest> request;  // of an ask: what it brought along
  MonoTime started{};
  int64_t place = 0;  // of the row that was claimed; 0: not known
};

}  // namespace capeai::worker
