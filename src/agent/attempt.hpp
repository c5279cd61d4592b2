// What one attempt of a task knows and does between its waits: plain functions
// for pipeline.cpp, whose coroutine does the waiting and nothing else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/agent.hpp"
#include "agent/citations.hpp"
#include "agent/prompt.hpp"
#include "agent/reply_stream.hpp"

namespace capeai {

class Attempt {
 public:
  Attempt(Host& host, const Manifest& manifest, TaskInput input);

  // False if the agent does not take this step; otherwise it begins now.
  bool Begin(StepKind kind);

  void Analyze();

  SearchRequest MakeSearch() const;
  // Ends the step retrieve_knowledge.
  void TakePassages(std::vector<Passage> passages);

  // Nothing is to be asked of a model: the model is capeai-extractive, or the agent refuses what it finds
  // nothing for.
  bool needs_model() const;
  // The answer in that case; a failure if the agent cannot do without a model.
  std::optional<Failure> AnswerWithoutModel();

  // The next request. 22023 if the input does not make one.
  Result<ChatRequest> MakeRequest();
  TextSink* sink() { return streams_ ? &stream_ : nullptr; }
  // Takes what came back. Afterwards the answer is there (answered()), or another exchange is needed.
  std::optional<Failure> TakeReply(ChatOutcome outcome);
  bool answered() const { return answered_; }
  // Ends the step generate_response: citations, confidence, unsupported_policy.
  void JudgeAnswer();

  void FindResources();
  void Format();

  Answer Finish();
  // The step under way ends in failure, which is completed with what was spent.
  Failure Fail(Failure failure);

 private:
  void EndStep(Json output);
  std::optional<Failure> TakeText(ChatReply reply);
  std::optional<Failure> TakeStructured(const ChatReply& reply);
  std::optional<Failure> AskForRepair(const ChatReply& reply, std::vector<SchemaProblem> problems);
  void AnswerWith(std::string text);
  void AddUsage(const Usage& usage);
  Json RequestRecord() const;
  Json OutputData() const;

  Host& host_;
  const Manifest& manifest_;
  const TaskInput input_;
  const std::string preferred_format_;
  const bool structured_;  // the model writes JSON
  const bool streams_;
  StepRecord step_;  // under way
  int steps_begun_ = 0;

  Analysis analysis_;
  std::vector<Passage> passages_;  // found; after MakeRequest those that were sent
  Prompt prompt_;
  ChatRequest request_;
  ReplyStream stream_;
  int exchanges_ = 0;
  bool answered_ = false;
  bool refused_ = false;  // by the model or by unsupported_policy
  bool extractive_ = false;
  Json object_;  // structured output
  std::vector<int64_t> cited_numbers_;
  std::optional<double> own_word_;
  CheckedCitations citations_;
  Answer answer_;
};

}  // namespace capeai
