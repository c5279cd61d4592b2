#include "worker/model_gateway.hpp"

#include <algorithm>

#include "openai/errors.hpp"
#include "openai/rate_limit.hpp"
#include "openai/request.hpp"

namespace capeai::worker {
namespace {

// Bounds the memory of the maps when callers bring ever new model names.
constexpr size_t kMaxModels = 1000;

// Tokens that an answer is taken to need until it is there, where max_tokens does
// not say; put right by what it did need.
constexpr int64_t kTypicalAnswer = 500;
// The same for a budget, which is not to be exceeded.
constexpr int64_t kLongAnswer = 4096;
constexpr int64_t kMostTokens = 10'000'000;
// A budget that requests under way have reserved is looked at again.
constexpr Duration kBudgetPause = std::chrono::seconds(1);
// Picos of the currency in one of a budget's.
constexpr int64_t kPicosPerNano = 1000;

}  // namespace

std::optional<int64_t> MostOfAnswer(const ChatRequest& request) {
  std::optional<int64_t> most = request.max_tokens;
  for (const char* name : {"max_completion_tokens", "max_tokens"})
    if (!most) most = request.options[name].integer();
  const int64_t choices = std::clamp<int64_t>(request.options["n"].integer().value_or(1), 1, 128);
  if (most) return std::clamp<int64_t>(*most, 0, kMostTokens) * choices;
  return choices > 1 ? std::optional(kLongAnswer * choices) : std::nullopt;
}

void ModelGateway::Use(Provider provider) {
  const bool same = provider.base_url == provider_.base_url &&
                    provider.credentials.api_key == provider_.credentials.api_key;
  provider_ = std::move(provider);
  http_.SetEgress(provider_.egress);
  if (same) return;
  profiles_.clear();
  gates_.clear();
}

Profile& ModelGateway::ProfileOf(const std::string& model) {
  if (profiles_.size() > kMaxModels) profiles_.clear();
  return profiles_.try_emplace(model, GuessProfile(model)).first->second;
}

PerMinute PerMinuteLimits::Of(const std::string& name) const {
  const auto found = model.find(name);
  if (found == model.end()) return each;
  return {found->second.requests ? found->second.requests : each.requests,
          found->second.tokens ? found->second.tokens : each.tokens};
}

std::unordered_map<std::string, int64_t> ModelGateway::WhatMaySend(const std::vector<std::string>& models,
                                                                   bool pauses, MonoTime now,
                                                                   Duration* shortest) const {
  std::unordered_map<std::string, int64_t> out;
  if (limits_.none() && (!pauses || gates_.empty())) return out;
  *shortest = Duration(0);
  for (const std::string& model : models) {
    if (out.contains(model)) continue;
    const PerMinute limit = limits_.Of(model);
    if (limit.none() && !gates_.contains(model)) continue;
    const ProviderGate& gate = GateOf(model);
    const bool only_probe = pauses && gate.open();
    Duration wait{};
    int64_t allowed = 0;
    const auto closed = pauses ? gate.Peek(now) : std::nullopt;
    if (closed)
      wait = closed->wait;
    else if (!limit.none())
      allowed = gate.Allows(limit, TypicalTokens(model), now, &wait);
    else if (only_probe)
      allowed = 1;
    else
      continue;
    if (only_probe) allowed = std::min<int64_t>(allowed, 1);
    out[model] = allowed;
    if (allowed == 0) *shortest = *shortest == Duration(0) ? wait : std::min(*shortest, wait);
  }
  return out;
}

double ModelGateway::TypicalTokens(const std::string& model) const {
  const auto found = typical_tokens_.find(model);
  return found == typical_tokens_.end() ? kTypicalAnswer : found->second;
}

void ModelGateway::Remember(const std::string& model, double requests, double tokens, MonoTime now) {
  GateOf(model).Remember(limits_.Of(model), requests, tokens, now);
}

ProviderGate& ModelGateway::GateOf(const std::string& model) const {
  if (gates_.size() > kMaxModels) gates_.clear();
  return gates_.try_emplace(model, provider_.base_url, provider_.credentials.api_key, model).first->second;
}

Reservation ModelGateway::Estimate(const ModelCall::Context& context, const std::string& model,
                                   int64_t prompt, std::optional<int64_t> answer) const {
  Reservation out;
  out.tokens = prompt + answer.value_or(kTypicalAnswer);
  out.kind = {context.owner, context.agent, model};
  const int64_t completion = answer.value_or(kLongAnswer);
  out.spend.tokens = prompt + completion;
  if (const auto price = prices_.Find(model, model))
    out.spend.cost = policy::Cost(*price, {prompt, 0, completion}) / kPicosPerNano + 1;
  return out;
}

std::optional<ChatError> ModelGateway::Refusal(const Reservation& reservation) const {
  using Why = policy::Budgets::Refusal;
  const WallTime now = WallNow();
  const auto why = budgets_.Reserve(reservation.kind, reservation.spend, now);
  if (!why) return std::nullopt;
  const char* message = *why == Why::kSpent ? "the budget of the day is used up"
                        : *why == Why::kBusy
                            ? "requests under way have reserved what the budget of the day has left"
                            : "what it costs is limited, and the model has no price";
  ChatError error = MakeChatError(ChatError::Kind::kBudget, std::string("not sent: ") + message, true);
  error.code = "over_budget";
  error.retry_after = *why == Why::kBusy ? kBudgetPause : policy::Budgets::NextDay(now) - now;
  return error;
}

std::optional<ChatError> ModelGateway::Enter(Reservation& reservation) {
  const std::string& model = reservation.kind.model;
  if (!provider_.problem.empty() || !provider_.configured)
    return MakeChatError(ChatError::Kind::kConfig,
                         provider_.problem.empty() ? "no model provider is configured" : provider_.problem,
                         false);
  const MonoTime now = MonoNow();
  ProviderGate& gate = GateOf(model);
  auto closed = gate.Peek(now);
  if (!closed)
    if (auto refusal = Refusal(reservation)) return refusal;
  const bool reserved = !closed;
  if (!closed && !limits_.none())
    closed = gate.Take(limits_.Of(model), static_cast<double>(reservation.tokens), now);
  if (!closed) closed = gate.Enter(now);
  if (!closed) {
    reservation.open = true;
    return std::nullopt;
  }
  if (reserved) budgets_.Settle(reservation.kind, reservation.spend, policy::Spend{0, 0}, WallNow());
  ChatError error =
      MakeChatError(ChatError::Kind::kRefused,
                    std::string("not sent: the provider is paused (") + closed->reason + ")", true);
  error.status = 429;
  error.code = closed->reason;
  error.retry_after = closed->wait;
  // Not provider_wide: this pause is known already.
  return error;
}

void ModelGateway::Heard(const std::string& model, MonoTime sent, ChatError* error) {
  ProviderGate& gate = GateOf(model);
  if (!error) {
    gate.OnSuccess(MonoNow());
    return;
  }
  gate.OnError(*error, sent, MonoNow());
  error->outage = error->outage && gate.open();
}

void ModelGateway::Settle(Reservation& reservation, const std::string& answered, const Usage& usage) {
  if (!std::exchange(reservation.open, false)) return;
  const std::string& model = reservation.kind.model;
  policy::Spend spent{usage.prompt_tokens + usage.completion_tokens, std::nullopt};
  if (const auto price = prices_.Find(answered, model))
    spent.cost = policy::Cost(*price, {usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens}) /
                 kPicosPerNano;
  budgets_.Settle(reservation.kind, reservation.spend, spent, WallNow());
  if (limits_.none() || !limits_.Of(model).tokens) return;
  const auto used = static_cast<double>(spent.tokens);
  GateOf(model).Settle(static_cast<double>(reservation.tokens) - used, MonoNow());
  if (used <= 0) return;
  if (typical_tokens_.size() > kMaxModels) typical_tokens_.clear();
  double& typical = typical_tokens_.try_emplace(model, used).first->second;
  typical += (used - typical) / 8;
}

void ModelGateway::Forfeit(Reservation& reservation) {
  if (!std::exchange(reservation.open, false)) return;
  budgets_.Settle(reservation.kind, reservation.spend, reservation.spend, WallNow());
}

net::HttpRequest ModelGateway::MakeHttp(const char* path, bool stream,
                                        const ModelCall::Context& context) const {
  net::HttpRequest http;
  http.url = provider_.base_url + path;
  const Headers headers = BuildHeaders(provider_.credentials, stream, context.idempotency_key);
  http.headers.reserve(headers.size());
  for (const auto& [name, value] : headers) http.headers.push_back(name + ": " + value);
  http.paced = stream && context.paced;
  http.timeout = std::min(context.timeout, provider_.request_timeout);
  http.max_response_bytes = provider_.max_response_size;
  http.ca_file = provider_.ca_file;
  http.proxy = provider_.proxy;
  return http;
}

}  // namespace capeai::worker
