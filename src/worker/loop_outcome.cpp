// Loop: starting attempts, and what becomes of them when they end.
#include <algorithm>
#include <random>
#include <utility>

#include "agent/failure.hpp"
#include "pg/process.hpp"
#include "pg/settings.hpp"
#include "policy/retry.hpp"
#include "worker/loop.hpp"

namespace capeai::worker {
namespace {

// Between looks whether rate limits have room for asks again.
constexpr Duration kRoomCheck = std::chrono::milliseconds(50);

double Dice() {
  static std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

// What an attempt has used: its tokens, and what they cost where the model has a price.
struct Bill {
  Usage usage;
  std::string asked;  // the model that was asked for
  std::shared_ptr<const policy::Price> price;

  std::string cost() const {
    if (!price) return "";
    return policy::CostText(
        policy::Cost(*price, {usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens}));
  }
  bool empty() const { return usage.prompt_tokens <= 0 && usage.completion_tokens <= 0; }
};

Json UsageJson(const Bill& bill) {
  const Usage& usage = bill.usage;
  Json out = Json::Object();
  out.Set("model", Json::String(bill.asked))
      .Set("prompt_tokens", Json::Int(usage.prompt_tokens))
      .Set("completion_tokens", Json::Int(usage.completion_tokens))
      .Set("cached_tokens", Json::Int(usage.cached_tokens))
      .Set("reasoning_tokens", Json::Int(usage.reasoning_tokens))
      .Set("source", Json::String(usage.reported ? "reported" : "estimated"));
  if (bill.price) out.Set("cost", Json::String(bill.cost()));
  return out;
}

// When to try again after `failure`; nothing: not at all.
std::optional<Duration> RetryAfter(const Work& work, const Failure& failure) {
  // A queued task waits for its budget, however long; its own deadline ends that.
  if (failure.code == "over_budget") return work.ask ? std::nullopt : failure.retry_after;
  policy::RetryInput input;
  input.fault = !failure.retryable ? policy::Fault::kPermanent
                : failure.charge   ? policy::Fault::kTransient
                                   : policy::Fault::kPaused;
  if (failure.output_started && !(work.manifest && work.manifest->retry_after_output))
    input.fault = policy::Fault::kPermanent;
  input.failures = failure.charge ? work.failures + 1 : work.pauses + 1;
  input.random = Dice();
  input.retry_after = failure.retry_after;
  if (work.deadline) input.remaining = *work.deadline - MonoNow();
  policy::RetrySettings settings;
  settings.max_attempts = work.max_attempts;
  return policy::DecideRetry(settings, input);
}

std::vector<store::RunRow> RunsOf(const Execution& execution, const char* last_status) {
  std::vector<store::RunRow> runs;
  for (const StepRecord& step : execution.steps()) {
    store::RunRow& run = runs.emplace_back();
    run.step_number = step.number;
    run.step_name = step.name;
    run.status = step.succeeded ? "succeeded" : last_status;
    run.input = step.input.Tokens();
    run.output = step.output.Tokens();
    run.error = step.error.Tokens();
    run.started_at = step.started_at;
    run.completed_at = step.completed_at;
  }
  return runs;
}

store::AttemptEnd EndOf(const Work& work, const char* status, const Bill& bill) {
  store::AttemptEnd end;
  end.task_id = work.id;
  end.attempt = work.attempt;
  end.place = work.place;
  end.status = status;
  end.failures = work.failures;
  end.event_type = status;
  end.prompt_tokens = bill.usage.prompt_tokens;
  end.completion_tokens = bill.usage.completion_tokens;
  if (bill.empty()) return end;
  end.usage = UsageJson(bill).Tokens();
  end.cost = bill.cost();
  if (bill.price) end.price = bill.price->row;
  return end;
}

// The members of capeai.answer that the pipeline knows; the rest is the caller's.
Json AnswerJson(const Work& work, const Answer& answer, const Bill& bill, Duration took) {
  Json suggestions = Json::Array();
  for (const std::string& s : answer.suggestions) suggestions.Push(Json::String(s));
  Json out = Json::Object();
  out.Set("response", Json::String(answer.response))
      .Set("suggestions", suggestions)
      .Set("resources", answer.resources ? answer.resources : Json::Array())
      .Set("citations", answer.citations ? answer.citations : Json::Array())
      .Set("finish_reason", Json::String(answer.finish_reason))
      .Set("processing_time_ms", Json::Int(Millis(took)))
      .Set("task_id", Json::String(work.id.ToString()))
      .Set("model", Json::String(answer.model))
      .Set("usage", UsageJson(bill));
  if (answer.confidence_score) out.Set("confidence_score", Json::Real(*answer.confidence_score));
  if (answer.grounded) out.Set("grounded", Json::Bool(*answer.grounded));
  if (work.conversation) out.Set("conversation", Json::String(work.conversation->ToString()));
  if (work.request && work.request->kind == AskRequest::Kind::kRawChat) out.Set("raw", answer.output);
  return out;
}

}  // namespace

void Loop::Launch(Work work) {
  const Uuid id = work.id;
  // From its first byte on, what a task does to us is put down to it. Not before its
  // claim is committed: who is still queued cannot be blamed.
  FlightRecorder::Entry entry(recorder_, id);
  work.started = MonoNow();
  if (!work.input_tokens.empty()) work.input = Json::FromTokens(std::exchange(work.input_tokens, {}));
  if (!work.options_tokens.empty()) work.options = Json::FromTokens(std::exchange(work.options_tokens, {}));
  // The row was taken from us while we worked on it, and is ours again: the attempt that went on is given up.
  Remove(id);
  pg::ActiveTask* line = pg::TakeActiveTask(pg::ThisDatabase(), &last_line_);
  if (work.deadline) deadlines_.emplace(*work.deadline, id);
  const bool announce = !work.ask;
  const int attempt = work.attempt;
  const unsigned owner = work.owner;
  auto execution = std::make_unique<Execution>(
      std::move(work), Services{queue_, *models_, retrieval_, notifier_, asks_}, line);
  Execution& started = *execution;
  claims_.Begin(started.work());
  executions_[id] = std::move(execution);
  if (announce) {
    if (attempt == 1) notifier_.Event(id, 0, "queued", "", 0);
    notifier_.Event(id, attempt, "started", "", 0);
    notifier_.Lifecycle(owner, id, "started");
  }
  if (!started.Start()) {
    End(started, OutOfMemory());
    return;
  }
  by_handle_[started.handle().address()] = &started;
}

// Until its caller has searched and LaunchHeld() finds room, but no longer than its timeout allows.
void Loop::HoldAsk(Work work) {
  if (work.deadline) deadlines_.emplace(*work.deadline, work.id);
  asks_held_.push_back(std::move(work));
  next_room_ = {};
}

void Loop::LaunchHeld(MonoTime now) {
  if (asks_held_.empty() || now < next_room_) return;
  next_room_ = now + kRoomCheck;
  for (Work& work : claims_.TakeAsks(asks_held_, *models_, now)) Launch(std::move(work));
}

void Loop::EndHeld(const std::function<bool(const Work&)>& which, const char* code, const char* message) {
  std::erase_if(asks_held_, [&](const Work& work) {
    if (!which(work)) return false;
    Failure failure;
    failure.error = {sqlstate::kQueryCanceled, message, "", ""};
    failure.code = code;
    EndUnlaunched(work, failure);
    return true;
  });
}

void Loop::LaunchAsk(AskServer::Arrived arrived) {
  const AskRequest& request = arrived.request;
  Work work;
  work.id = request.task_id;
  work.agent_id = request.agent_id;
  work.agent_version_id = request.agent_version_id;
  work.owner = request.owner;
  work.user_id = request.user_id;
  work.attempt = 1;
  work.max_attempts = pg::settings::MaxAttempts();
  work.deadline = MonoNow() + std::max(request.timeout - (WallNow() - request.asked_at), Duration(0));
  work.input = request.input;
  work.model = request.model;
  work.options = request.options;
  work.stream = request.stream;
  work.conversation = request.conversation;
  work.ask = arrived.address;

  store::NewAsk row;
  row.id = work.id;
  row.agent_id = work.agent_id;
  row.agent_version_id = work.agent_version_id;
  row.owner = work.owner;
  row.user_id = work.user_id;
  row.application_name = request.application_name;
  row.client_addr = request.client_addr;
  row.input = work.input.Tokens();
  row.options = work.options.Tokens();
  row.model = work.model;
  row.stream = work.stream;
  row.conversation = work.conversation;
  row.asked_at = request.asked_at;
  row.deadline = request.asked_at + request.timeout;
  row.max_attempts = work.max_attempts;
  journal_.AddAsk(std::move(row));
  work.request = std::make_shared<const AskRequest>(std::move(arrived.request));
  const Uuid id = work.id;
  asks_unstored_.insert_or_assign(id, std::move(work));
}

void Loop::TakeFound(const AskAddress& address, AskFound found) {
  const auto take = [&](Work& work) {
    if (work.ask != address) return false;
    auto request = std::make_shared<AskRequest>(*work.request);
    request->searching = false;
    request->found = std::move(found);
    work.request = std::move(request);
    return true;
  };
  for (auto& [id, work] : asks_unstored_)
    if (take(work)) return;
  for (Work& work : asks_held_) {
    if (!take(work)) continue;
    next_room_ = {};
    return;
  }
}

void Loop::Collect(Execution& execution) { End(execution, execution.Take()); }

void Loop::End(Execution& execution, Outcome outcome) {
  const Uuid id = execution.work().id;
  if (auto* answer = std::get_if<Answer>(&outcome))
    EndWithAnswer(execution, std::move(*answer));
  else
    EndWithFailure(execution, std::move(std::get<Failure>(outcome)));
  Remove(id);
}

void Loop::Remove(const Uuid& id) {
  const auto found = executions_.find(id);
  if (found == executions_.end()) return;
  const Execution& execution = *found->second;
  if (execution.handle()) by_handle_.erase(execution.handle().address());
  claims_.End(execution.work());
  next_room_ = {};
  executions_.erase(found);
}

void Loop::EndWithAnswer(Execution& execution, Answer answer) {
  const Work& work = execution.work();
  const Bill bill{answer.usage, work.model, models_->prices().Find(answer.model, work.model)};
  store::AttemptEnd end = EndOf(work, "succeeded", bill);
  end.output = (answer.output ? answer.output : Json::Object()).Tokens();
  end.model = answer.model;
  Json data = Json::Object().Set("attempt", Json::Int(work.attempt)).Set("model", Json::String(answer.model));
  if (answer.lossy) data.Set("lossy", Json::Bool(true));
  if (execution.calls().size() > 0) data.Set("calls", execution.calls());
  end.event_data = data.Tokens();
  endings_[work.id] = {work.owner, work.attempt, work.ask.has_value(), "succeeded", ""};
  if (work.ask) {
    AskReply reply;
    reply.kind = AskReply::Kind::kAnswer;
    reply.answer = AnswerJson(work, answer, bill, MonoNow() - work.started);
    if (execution.vectors()) reply.answer.Set("vectors", execution.vectors());
    replies_[work.id] = {*work.ask, std::move(reply)};
  }
  end.runs = RunsOf(execution, "failed");
  journal_.AddEnd(std::move(end));
}

void Loop::EndWithFailure(Execution& execution, Failure failure) {
  const Work& work = execution.work();
  const bool cancelled = failure.code == "cancelled";
  const bool without_caller = work.request && work.request->found.error;  // who has raised it, and gone on
  const auto delay = cancelled || without_caller ? std::nullopt : RetryAfter(work, failure);

  const Bill bill{failure.usage, work.model, models_->prices().Find(work.model, work.model)};
  store::AttemptEnd end = EndOf(work, cancelled ? "cancelled" : "failed", bill);
  if (failure.charge && !cancelled) end.failures = work.failures + 1;
  end.error_code = failure.code;
  end.error_message = failure.error.message;
  Json data = FailureDetails(failure).Set("attempt", Json::Int(work.attempt));
  if (execution.calls().size() > 0) data.Set("calls", execution.calls());
  end.event_data = data.Tokens();
  if (!failure.raw_text.empty())
    end.output = Json::Object()
                     .Set("response", Json::String(failure.raw_text))
                     .Set("partial", Json::Bool(true))
                     .Tokens();
  if (delay) {
    Retry(work, failure, *delay, end);
  } else {
    endings_[work.id] = {work.owner, work.attempt, work.ask.has_value(), cancelled ? "cancelled" : "failed",
                         cancelled ? "" : failure.error.message};
    if (work.ask) {
      AskReply reply;
      reply.kind = AskReply::Kind::kError;
      reply.error = failure.error;
      replies_[work.id] = {*work.ask, std::move(reply)};
    }
  }
  end.runs = RunsOf(execution, cancelled ? "cancelled" : "failed");
  journal_.AddEnd(std::move(end));
}

// A queued task goes back to its queue with a later run_at; an ask stays running
// and tries again here.
void Loop::Retry(const Work& work, const Failure& failure, Duration delay, store::AttemptEnd& end) {
  slot_.retried.fetch_add(1);
  end.event_type = "retrying";
  end.wait_reason = failure.charge ? "retry" : failure.code;
  if (!work.ask) {
    end.status = "queued";
    end.run_at = WallNow() + delay;
    if (failure.output_started) notifier_.Event(work.id, work.attempt, "reset", "", -1);
    notifier_.Event(work.id, work.attempt, "retrying", "", -1, failure.error.message);
    return;
  }
  end.status = "running";
  end.next_attempt = work.attempt + 1;
  Work next = work;
  next.attempt = end.next_attempt;
  next.failures = end.failures;
  next.pauses = failure.charge ? 0 : work.pauses + 1;
  again_[work.id] = {MonoNow() + delay, std::move(next)};
  if (!failure.output_started) return;
  AskReply reset;
  reset.kind = AskReply::Kind::kReset;
  reset.error = failure.error;
  asks_.Send(*work.ask, std::move(reset), false);
}

void Loop::EndUnlaunched(const Work& work, const Failure& failure) {
  const bool cancelled = failure.code == "cancelled";
  store::AttemptEnd end = EndOf(work, cancelled ? "cancelled" : "failed", Bill{});
  end.error_code = failure.code;
  end.error_message = failure.error.message;
  end.event_data = FailureDetails(failure).Set("attempt", Json::Int(work.attempt)).Tokens();
  endings_[work.id] = {work.owner, work.attempt, work.ask.has_value(),
                       end.status == "failed" ? "failed" : "cancelled", failure.error.message};
  if (work.ask) {
    AskReply reply;
    reply.kind = AskReply::Kind::kError;
    reply.error = failure.error;
    replies_[work.id] = {*work.ask, std::move(reply)};
  }
  journal_.AddEnd(std::move(end));
}

void Loop::Cancel(const Uuid& task, const char* reason) {
  const auto found = executions_.find(task);
  if (found == executions_.end()) {
    // It ended while the signal was read. If it is to be queued again, that is looked at once it is.
    if (journal_.Gathers(task)) look_ = true;
    return;
  }
  Execution& execution = *found->second;
  End(execution, execution.Drop(Error{sqlstate::kQueryCanceled, reason, "", ""}, "cancelled"));
}

void Loop::DropIdleStream(const Uuid& task) {
  const auto found = executions_.find(task);
  if (found == executions_.end()) return;
  Execution& execution = *found->second;
  const auto idle = std::chrono::duration<double>(execution.work().request->idle_timeout).count();
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%g s", idle);
  End(execution, execution.Drop(Error{sqlstate::kQueryCanceled,
                                      std::string("nothing was read from the stream for ") + seconds, "",
                                      "Fetch more often, or set capeai.stream_idle_timeout higher."},
                                "cancelled"));
}

}  // namespace capeai::worker
