// One attempt under way: the coroutine of its agent, and the Host that serves
// it. Everything the coroutine waits for is owned here, so that destroying an
// Execution drops its request, its search and its frame, in that order.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/host.hpp"
#include "pg/shared.hpp"
#include "worker/embed_call.hpp"
#include "worker/model_gateway.hpp"
#include "worker/notifier.hpp"
#include "worker/retrieval.hpp"
#include "worker/work.hpp"

namespace capeai::worker {

class AskServer;

// What an execution uses of the worker; all outlive it.
struct Services {
  ReadyQueue& queue;
  ModelGateway& models;
  Retrieval& retrieval;
  Notifier& notifier;
  AskServer& asks;
};

class Execution final : public Host {
 public:
  // `shown` is its line in capeai.active_tasks; may be null.
  Execution(Work work, Services services, pg::ActiveTask* shown);
  ~Execution() override;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // Makes the coroutine ready to run. False: no memory for its frame.
  bool Start();
  std::coroutine_handle<> handle() const { return coroutine_.handle(); }
  bool done() const { return coroutine_.done(); }
  // The result once done; a C++ exception becomes a Failure.
  Outcome Take();
  // Ends it early: drops what it waits for and says what had arrived.
  Failure Drop(Error error, std::string code);

  const Work& work() const { return work_; }
  const std::vector<StepRecord>& steps() const { return steps_; }
  // Every request to a model, for the audit trail.
  const Json& calls() const { return calls_; }
  // Reading from the model stops while whoever streams is slow.
  void SetPaused(bool paused);

  WallTime now() const override { return WallNow(); }
  MonoTime mono() const override { return MonoNow(); }
  ReadyQueue& queue() override { return services_.queue; }
  void Record(StepRecord step) override;
  void Begin(int number, const std::string& name, int progress) override;
  void Delta(std::string_view text) override;
  void StartSearch(SearchRequest request, Slot<SearchReply>& slot) override;
  void StartChat(ChatRequest request, TextSink* sink, Slot<ChatOutcome>& slot) override;
  void StartEmbed(EmbedRequest request, Slot<EmbeddingsResult>& slot);

  // The result of capeai_embed besides its answer: an array of EncodeVector().
  // It goes to the caller and is not stored.
  void KeepVectors(Json vectors) { vectors_ = std::move(vectors); }
  const Json& vectors() const { return vectors_; }

 private:
  void TakeCallersTimes(StepRecord& step) const;
  void Show(int step, const std::string& name, int progress);
  ModelCall::Context NextCall();

  Work work_;
  Services services_;
  pg::ActiveTask* shown_;
  Task<Outcome> coroutine_;
  std::unique_ptr<ModelCall> call_;
  std::unique_ptr<EmbedCall> embed_call_;
  std::optional<StepRecord> step_;  // under way
  Json vectors_;
  std::optional<uint32_t> search_;  // number of the search under way
  std::vector<StepRecord> steps_;
  std::string delivered_;  // text handed out so far
  Json calls_ = Json::Array();
  int exchanges_ = 0;
  int progress_ = 0;
};

// An attempt that ended for want of memory; worth another try.
Failure OutOfMemory();

// The result of capeai_chat: one exchange as the caller wrote it. The answer's
// `output` is the body of the API's reply.
Task<Outcome> RunRawChat(Host& host, ChatRequest request);

// The result of capeai_embed: one request for vectors. The answer's `output` says
// how many there are; they themselves are in execution.vectors().
Task<Outcome> RunEmbed(Execution& execution, EmbedRequest request);

}  // namespace capeai::worker
