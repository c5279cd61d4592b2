// What travels between a backend that asks and the worker: the messages of one
// channel, as tokens (base/json_tokens.hpp). Pure: api/ and worker/ both use it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/host.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai {

// Backend to worker: what came of retrieval, which the caller does itself.
struct AskFound {
  uint32_t number = 0;  // of the request
  std::vector<Passage> passages;
  std::optional<Error> error;  // instead of them; the caller has raised it
  WallTime started, completed;
  std::string Encode() const;
};

// Backend to worker. Nothing else of the session travels.
struct AskRequest {
  enum class Kind { kAgent, kRawChat, kEmbed };
  Kind kind = Kind::kAgent;
  uint32_t number = 0;  // names the request within its channel
  Uuid task_id;
  Uuid agent_id;
  Uuid agent_version_id;
  uint32_t owner = 0;   // role oid
  std::string user_id;  // empty: none
  std::string application_name;
  std::string client_addr;
  Json input;  // of the agent; kRawChat: {"messages": …}; kEmbed: {"inputs": […]}
  std::string model;
  Json options;  // temperature, max_tokens; for kRawChat any of the API
  bool stream = false;
  Duration idle_timeout{};  // of a stream: dropped when its text lies unread for so long; zero: never
  std::optional<Uuid> conversation;
  Duration timeout{};  // of the whole ask, from `asked_at`
  WallTime asked_at;
  // The caller searches now, while the worker writes the first row: AskFound follows.
  bool searching = false;
  AskFound found;

  std::string Encode() const;
  static std::optional<AskRequest> Decode(const Json& in);
};

struct AskCancel {
  uint32_t number = 0;
  std::string Encode() const;
};

// The reader of a stream has taken that much (DeltaCost of what it took), so that the
// worker may send on.
struct AskCredit {
  uint32_t number = 0;
  uint64_t cost = 0;
  std::string Encode() const;
};

// What a piece of text counts against kStreamWindow: its bytes and what comes with them.
inline uint64_t DeltaCost(std::string_view text) { return text.size() + 72; }
// Of one stream at most so much (and one piece) is on its way to the reader or
// waits there; then the worker stops reading from the model. It fits the ring of
// the channel, so that the error of a stream that was dropped reaches a reader
// who comes back.
inline constexpr uint64_t kStreamWindow = 32 * 1024;

// Worker to backend.
struct AskReply {
  enum class Kind { kStarted, kDelta, kReset, kAnswer, kError };
  Kind kind = Kind::kStarted;
  uint32_t number = 0;
  std::string text;  // kDelta
  Json answer;       // kAnswer: the members of capeai.answer; kRawChat: and `raw`, the API's
                     // reply; kEmbed: and `vectors`, an array of EncodeVector()
  Error error;       // kError; kReset: why the answer begins again

  std::string Encode() const;
  static std::optional<AskReply> Decode(std::string_view tokens);
};

// What a message from a backend is: a request, what was found for one, the number to cancel, or credit.
struct AskMessage {
  std::optional<AskRequest> request;
  std::optional<AskFound> found;
  std::optional<uint32_t> cancel;
  std::optional<AskCredit> credit;
};
std::optional<AskMessage> DecodeAskMessage(std::string_view tokens);

// Passages as recordings keep them: an array of objects, and back.
Json EncodePassages(const std::vector<Passage>& passages);
std::vector<Passage> DecodePassages(const Json& json);

// Retrieval for queued tasks: worker to helper and back.
struct RetrievalRequest {
  uint32_t number = 0;
  uint32_t owner = 0;  // role that the search runs as
  SearchRequest search;
  Uuid task_id;  // for the flight recorder
  std::string Encode() const;
  static std::optional<RetrievalRequest> Decode(std::string_view tokens);
};
struct RetrievalReply {
  uint32_t number = 0;
  std::vector<Passage> passages;
  std::optional<Error> error;
  std::string Encode() const;
  static std::optional<RetrievalReply> Decode(std::string_view tokens);
};

}  // namespace capeai
