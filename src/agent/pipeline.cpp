// An agent at work: its steps from top to bottom, in one coroutine. Everything
// it waits for comes through the Host; what happens between the waits is in
// attempt.cpp.
#include "agent/attempt.hpp"
#include "agent/failure.hpp"

namespace capeai {

Task<Outcome> RunAgent(Host& host, std::shared_ptr<const Manifest> manifest, TaskInput input) {
  Attempt attempt(host, *manifest, std::move(input));

  if (attempt.Begin(StepKind::kAnalyzeContext)) attempt.Analyze();

  if (attempt.Begin(StepKind::kRetrieveKnowledge)) {
    Slot<SearchReply> slot(host.queue());
    host.StartSearch(attempt.MakeSearch(), slot);
    SearchReply found = co_await slot;
    if (!found.ok()) co_return attempt.Fail(SearchFailure(found.error()));
    attempt.TakePassages(std::move(*found));
  }

  attempt.Begin(StepKind::kGenerateResponse);
  if (!attempt.needs_model()) {
    std::optional<Failure> failure = attempt.AnswerWithoutModel();
    if (failure) co_return attempt.Fail(std::move(*failure));
  }
  while (!attempt.answered()) {
    Result<ChatRequest> request = attempt.MakeRequest();
    if (!request.ok()) co_return attempt.Fail(InputFailure(request.error()));
    Slot<ChatOutcome> slot(host.queue());
    host.StartChat(std::move(*request), attempt.sink(), slot);
    ChatOutcome said = co_await slot;
    std::optional<Failure> failure = attempt.TakeReply(std::move(said));
    if (failure) co_return attempt.Fail(std::move(*failure));
  }
  attempt.JudgeAnswer();

  if (attempt.Begin(StepKind::kMatchResources)) attempt.FindResources();
  if (attempt.Begin(StepKind::kFormatResponse)) attempt.Format();
  co_return attempt.Finish();
}

}  // namespace capeai
