#include "worker/execution.hpp"

#include <algorithm>
#include <cstring>

#include "agent/failure.hpp"
#include "worker/ask_server.hpp"

namespace capeai::worker {
namespace {

constexpr Duration kNoTimeout = std::chrono::hours(24);

TaskInput InputOf(const Work& work, bool provider_configured) {
  TaskInput input;
  input.input = work.input;
  input.model = work.model;
  input.temperature = work.options["temperature"].number();
  input.max_tokens = work.options["max_tokens"].integer();
  input.stream = work.stream;
  input.history = work.history;
  const auto& steps = work.manifest->steps;
  const bool retrieves = std::find(steps.begin(), steps.end(), StepKind::kRetrieveKnowledge) != steps.end();
  if (!provider_configured && retrieves) input.model = kExtractiveModel;
  return input;
}

ChatRequest RawRequest(const Work& work) {
  ChatRequest request;
  request.model = work.model;
  request.messages = work.input["messages"];
  request.response_schema = work.input["response_schema"];
  request.schema_name = work.input["schema_name"].string_or("");
  request.temperature = work.input["temperature"].number();
  request.max_tokens = work.input["max_tokens"].integer();
  request.options = work.options;
  request.keep_raw = true;
  return request;
}

EmbedRequest EmbedRequestOf(const Work& work) {
  EmbedRequest request;
  request.model = work.model;
  const Json inputs = work.input["inputs"];
  for (size_t i = 0; i < inputs.size(); ++i) request.inputs.push_back(inputs[i].string_or(""));
  return request;
}

}  // namespace

Execution::Execution(Work work, Services services, pg::ActiveTask* shown)
    : work_(std::move(work)), services_(services), shown_(shown) {
  if (!shown_) return;
  shown_->version.fetch_add(1);
  shown_->database.store(pg::ThisDatabase());
  uint64_t halves[2];
  std::memcpy(halves, work_.id.bytes.data(), sizeof halves);
  shown_->id_hi.store(halves[0]);
  shown_->id_lo.store(halves[1]);
  shown_->owner.store(work_.owner);
  shown_->attempt.store(work_.attempt);
  shown_->started_at.store(WallNow().time_since_epoch().count());
  shown_->received.store(0);
  shown_->step.store(0);
  shown_->progress.store(0);
  shown_->step_name[0] = '\0';
  shown_->version.fetch_add(1);
}

Execution::~Execution() {
  call_.reset();
  embed_call_.reset();
  if (search_) services_.retrieval.Forget(*search_);
  if (coroutine_ && !done()) services_.queue.Forget(coroutine_.handle());
  coroutine_.Reset();
  if (shown_) shown_->database.store(0);
}

bool Execution::Start() {
  const AskRequest::Kind kind = work_.request ? work_.request->kind : AskRequest::Kind::kAgent;
  if (kind == AskRequest::Kind::kRawChat)
    coroutine_ = RunRawChat(*this, RawRequest(work_));
  else if (kind == AskRequest::Kind::kEmbed)
    coroutine_ = RunEmbed(*this, EmbedRequestOf(work_));
  else
    coroutine_ = RunAgent(*this, work_.manifest, InputOf(work_, services_.models.provider().configured));
  if (!coroutine_) return false;
  coroutine_.Start(services_.queue);
  return true;
}

Outcome Execution::Take() {
  try {
    return coroutine_.Take();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception& e) {
    Failure failure;
    failure.error = {"XX000", std::string("fault in the agent's pipeline: ") + e.what(), "", ""};
    failure.code = "internal_error";
    return failure;
  }
}

Failure Execution::Drop(Error error, std::string code) {
  Failure failure;
  failure.error = std::move(error);
  failure.code = std::move(code);
  if (call_ && call_->under_way()) {
    const ChatReply partial = call_->TakePartial();
    failure.usage = partial.usage;
  }
  failure.raw_text = delivered_;
  failure.output_started = !delivered_.empty();
  if (step_) {
    StepRecord step = std::move(*step_);
    step.succeeded = false;
    step.error = FailureDetails(failure);
    step.completed_at = now();
    step.progress = progress_;
    steps_.push_back(std::move(step));
    step_.reset();
  }
  return failure;
}

void Execution::SetPaused(bool paused) {
  if (call_) call_->SetPaused(paused);
}

// An ask's caller has analysed and searched itself: these steps took their time there.
void Execution::TakeCallersTimes(StepRecord& step) const {
  if (!work_.request || work_.attempt != 1 || work_.request->found.completed == WallTime()) return;
  const AskRequest& request = *work_.request;
  if (step.name == StepName(StepKind::kAnalyzeContext)) {
    step.started_at = request.asked_at;
    step.completed_at = request.found.started;
  } else if (step.name == StepName(StepKind::kRetrieveKnowledge)) {
    step.started_at = request.found.started;
    step.completed_at = request.found.completed;
  }
}

void Execution::Record(StepRecord step) {
  TakeCallersTimes(step);
  progress_ = step.progress;
  step_.reset();
  Show(step.number, step.name, step.progress);
  if (!work_.ask) services_.notifier.Event(work_.id, work_.attempt, "step", step.name, step.progress);
  steps_.push_back(std::move(step));
}

void Execution::Begin(int number, const std::string& name, int progress) {
  step_.emplace();
  step_->number = number;
  step_->name = name;
  step_->input = Json::Object();
  step_->started_at = now();
  Show(number, name, progress);
}

void Execution::Show(int step, const std::string& name, int progress) {
  if (!shown_) return;
  shown_->version.fetch_add(1);
  shown_->step.store(step);
  shown_->progress.store(progress);
  std::strncpy(shown_->step_name, name.c_str(), sizeof shown_->step_name - 1);
  shown_->version.fetch_add(1);
}

void Execution::Delta(std::string_view text) {
  if (!work_.stream || text.empty()) return;
  delivered_ += text;
  if (!work_.ask) {
    services_.notifier.Delta(work_.id, work_.attempt, text);
    return;
  }
  services_.asks.SendDelta(*work_.ask, text, MonoNow());
  if (services_.asks.IsFull(*work_.ask)) SetPaused(true);
}

void Execution::StartSearch(SearchRequest request, Slot<SearchReply>& slot) {
  if (work_.request) {
    // The caller has searched already.
    const AskFound& found = work_.request->found;
    slot.Set(found.error ? SearchReply(*found.error) : SearchReply(found.passages));
    return;
  }
  search_ =
      services_.retrieval.Start(work_.owner, work_.id, std::move(request), slot, [this] { search_.reset(); });
}

ModelCall::Context Execution::NextCall() {
  ModelCall::Context context;
  context.task = work_.id;
  // One key a call, whatever the attempt: a server that did the work of a lost
  // answer can tell.
  context.idempotency_key = "capeai-" + work_.id.ToHex() + "-" + std::to_string(++exchanges_);
  context.timeout = work_.deadline ? std::max(*work_.deadline - MonoNow(), Duration(1)) : kNoTimeout;
  context.paced = !work_.ask;
  context.owner = work_.owner;
  context.agent = work_.agent_id;
  context.calls = calls_;
  return context;
}

void Execution::StartChat(ChatRequest request, TextSink* sink, Slot<ChatOutcome>& slot) {
  call_ = std::make_unique<ModelCall>(services_.models, std::move(request), NextCall(), sink, slot);
}

void Execution::StartEmbed(EmbedRequest request, Slot<EmbeddingsResult>& slot) {
  embed_call_ = std::make_unique<EmbedCall>(services_.models, std::move(request), NextCall(), slot);
}

Failure OutOfMemory() {
  Failure failure;
  failure.error = {sqlstate::kOutOfMemory, "out of memory", "", ""};
  failure.code = "out_of_memory";
  failure.retryable = true;
  return failure;
}

Task<Outcome> RunRawChat(Host& host, ChatRequest request) {
  StepRecord step;
  step.number = 1;
  step.name = StepName(StepKind::kGenerateResponse);
  step.progress = 100;
  step.started_at = host.now();
  step.input = Json::Object().Set("messages", request.messages).Set("model", Json::String(request.model));
  host.Begin(1, step.name, 0);

  Slot<ChatOutcome> slot(host.queue());
  host.StartChat(std::move(request), nullptr, slot);
  ChatOutcome outcome = co_await slot;

  step.completed_at = host.now();
  if (auto* error = std::get_if<ChatError>(&outcome)) {
    step.succeeded = false;
    step.error =
        Json::Object().Set("message", Json::String(error->message)).Set("status", Json::Int(error->status));
    host.Record(std::move(step));
    co_return ChatFailure(*error);
  }
  auto& reply = std::get<ChatReply>(outcome);
  Answer answer;
  answer.response = reply.text;
  answer.raw_text = reply.text;
  answer.finish_reason = reply.finish_reason;
  answer.model = reply.model;
  answer.usage = reply.usage;
  answer.lossy = reply.lossy;
  answer.output = reply.raw;
  step.output = Json::Object().Set("raw_text", Json::String(reply.text));
  host.Record(std::move(step));
  co_return answer;
}

Task<Outcome> RunEmbed(Execution& execution, EmbedRequest request) {
  StepRecord step;
  step.number = 1;
  step.name = "embed";
  step.progress = 100;
  step.started_at = execution.now();
  step.input = Json::Object()
                   .Set("model", Json::String(request.model))
                   .Set("inputs", Json::Int(static_cast<int64_t>(request.inputs.size())));
  execution.Begin(1, step.name, 0);

  const std::string model = request.model;
  Slot<EmbeddingsResult> slot(execution.queue());
  execution.StartEmbed(std::move(request), slot);
  EmbeddingsResult result = co_await slot;

  step.completed_at = execution.now();
  if (auto* error = std::get_if<ChatError>(&result)) {
    Failure failure = ChatFailure(*error);
    step.succeeded = false;
    step.error = FailureDetails(failure);
    execution.Record(std::move(step));
    co_return failure;
  }
  auto& reply = std::get<EmbeddingsReply>(result);
  Json vectors = Json::Array();
  for (const auto& vector : reply.vectors) vectors.Push(Json::String(EncodeVector(vector)));
  execution.KeepVectors(std::move(vectors));
  Answer answer;
  answer.finish_reason = "stop";
  answer.model = reply.model.empty() ? model : reply.model;
  answer.usage = reply.usage;
  answer.output = Json::Object()
                      .Set("vectors", Json::Int(static_cast<int64_t>(reply.vectors.size())))
                      .Set("dimensions", Json::Int(static_cast<int64_t>(reply.vectors.front().size())));
  step.output = answer.output;
  execution.Record(std::move(step));
  co_return answer;
}

}  // namespace capeai::worker
