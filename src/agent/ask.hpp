// What travels between a backend that asks and the worker: the messages of one
// channel, as JSON text. Pure: api/ and worker/ both use it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/host.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai {

// Backend to worker. Nothing else of the session travels.
struct AskRequest {
  enum class Kind { kAgent, kRawChat, kEmbed };
  Kind kind = Kind::kAgent;
  uint32_t number = 0;              // names the request within its channel
  Uuid task_id;
  Uuid agent_id;
  Uuid agent_version_id;
  uint32_t owner = 0;               // role oid
  std::string user_id;              // empty: none
  std::string application_name;
  std::string client_addr;
  Json input;                       // of the agent; kRawChat: {"messages": …}; kEmbed: {"inputs": […]}
  std::string model;
  Json options;                     // temperature, max_tokens; for kRawChat any of the API
  bool stream = false;
  std::optional<Uuid> conversation;
  Duration timeout{};               // of the whole ask, from `asked_at`
  WallTime asked_at;
  // Retrieval, done by the caller before it asked.
  std::vector<Passage> passages;
  WallTime search_started;
  WallTime search_completed;

  std::string Encode() const;
  static std::optional<AskRequest> Decode(std::string_view text);
};

struct AskCancel {
  uint32_t number = 0;
  std::string Encode() const;
};

// Worker to backend.
struct AskReply {
  enum class Kind { kStarted, kDelta, kReset, kAnswer, kError };
  Kind kind = Kind::kStarted;
  uint32_t number = 0;
  std::string text;                 // kDelta
  Json answer;                      // kAnswer: the members of capeai.answer; kRawChat and kEmbed: the result
  Error error;                      // kError

  std::string Encode() const;
  static std::optional<AskReply> Decode(std::string_view text);
};

// What a message from a backend is: a request, or the number to cancel.
struct AskMessage {
  std::optional<AskRequest> request;
  std::optional<uint32_t> cancel;
};
std::optional<AskMessage> DecodeAskMessage(std::string_view text);

// Retrieval for queued tasks: worker to helper and back.
struct RetrievalRequest {
  uint32_t number = 0;
  uint32_t owner = 0;               // role that the search runs as
  SearchRequest search;
  Uuid task_id;                     // for the flight recorder
  std::string Encode() const;
  static std::optional<RetrievalRequest> Decode(std::string_view text);
};
struct RetrievalReply {
  uint32_t number = 0;
  std::vector<Passage> passages;
  std::optional<Error> error;
  std::string Encode() const;
  static std::optional<RetrievalReply> Decode(std::string_view text);
};

}  // namespace capeai
