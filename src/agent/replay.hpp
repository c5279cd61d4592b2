// Running one case of an agent's tests: the agent's own pipeline, against a Host
// that searches nothing and opens nothing. What was found is given, and the
// model's part is taken by somebody else, who may have it from a recording.
#pragma once

#include <memory>
#include <vector>

#include "agent/agent.hpp"
#include "agent/recording.hpp"

namespace capeai {

// Takes the model's part in a case.
class Counterpart {
 public:
  virtual ~Counterpart() = default;
  // Called by RunCase between two resumptions of the pipeline, never from inside it.
  virtual ChatOutcome Answer(const ChatRequest& request) = 0;
};

// Answers as recorded, in the order of the recording, whatever is asked. Needs neither network nor server.
class RecordedModel : public Counterpart {
 public:
  explicit RecordedModel(const Recording& recording) : recording_(recording) {}
  ChatOutcome Answer(const ChatRequest& request) override;
  // Something else was asked than when it was recorded.
  bool stale() const { return stale_; }

 private:
  const Recording& recording_;
  size_t next_ = 0;
  bool stale_ = false;
};

// Runs the agent on `input` as if `passages` had been found. What `model` throws leaves through here.
Outcome RunCase(std::shared_ptr<const Manifest> manifest, TaskInput input, std::vector<Passage> passages,
                Counterpart& model);

}  // namespace capeai
