// What an agent's pipeline needs from the world: the one interface between
// agent/ and whoever runs it (worker/ in production, a script in unit tests,
// recordings when an agent's own tests are replayed).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/coroutine.hpp"
#include "base/error.hpp"
#include "base/search.hpp"
#include "base/time.hpp"
#include "openai/chat.hpp"
#include "openai/json.hpp"

namespace capeai {

using SearchReply = Result<std::vector<Passage>>;

// Reply or error of one exchange with the model.
using ChatOutcome = std::variant<ChatReply, ChatError>;

// A step of an attempt, as stored in capeai.runs. Recorded once, when it ends.
struct StepRecord {
  int number = 0;  // 1.. in the order of the manifest's steps
  std::string name;
  bool succeeded = true;
  Json input;   // object
  Json output;  // object; empty if failed
  Json error;   // object; empty if succeeded
  WallTime started_at;
  WallTime completed_at;
  int progress = 0;  // 0..100 of the whole task once this step is done
};

// Every wait of a pipeline goes through here. A Host serves one task; the
// pipeline has at most one wait under way at a time. To drop a task its owner
// first makes the Host forget the wait, then destroys the coroutine.
class Host {
 public:
  virtual ~Host() = default;

  // Time of day and monotonic time as of this resumption.
  virtual WallTime now() const = 0;
  virtual MonoTime mono() const = 0;
  virtual ReadyQueue& queue() = 0;

  // Appends; never waits, never fails (failures surface when the tick commits).
  virtual void Record(StepRecord step) = 0;
  // Announces that a step begins (progress in shared memory).
  virtual void Begin(int number, const std::string& name, int progress) = 0;
  // Answer text to pass on at once to whoever streams. Decoded characters.
  virtual void Delta(std::string_view text) = 0;

  // Begin a wait; the answer arrives in `slot`, which stays where it is.
  // `on_text` of a chat (may be empty) is called with each piece of content as
  // it arrives, between resumptions.
  virtual void StartSearch(SearchRequest request, Slot<SearchReply>& slot) = 0;
  virtual void StartChat(ChatRequest request, class TextSink* sink, Slot<ChatOutcome>& slot) = 0;
};

// Receives the model's text piece by piece. Called by the loop, not by the
// coroutine; must not throw anything but bad_alloc.
class TextSink {
 public:
  virtual ~TextSink() = default;
  virtual void OnText(std::string_view piece) = 0;
};

}  // namespace capeai
