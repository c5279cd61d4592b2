#include "worker/model_gateway.hpp"

#include <algorithm>

#include "openai/errors.hpp"
#include "openai/rate_limit.hpp"
#include "openai/redact.hpp"
#include "openai/request.hpp"
#include "openai/usage.hpp"

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

ChatError::Kind KindOf(net::HttpError error) {
  switch (error) {
    case net::HttpError::kBlocked:
      return ChatError::Kind::kBlocked;
    case net::HttpError::kInvalidRequest:
      return ChatError::Kind::kConfig;
    case net::HttpError::kTimeoutConnect:
    case net::HttpError::kTimeoutIdle:
    case net::HttpError::kTimeoutTotal:
      return ChatError::Kind::kTimeout;
    default:
      return ChatError::Kind::kTransport;
  }
}

// Of all choices together; nothing if the request does not say.
std::optional<int64_t> MostOfAnswer(const ChatRequest& request) {
  std::optional<int64_t> most = request.max_tokens;
  for (const char* name : {"max_completion_tokens", "max_tokens"})
    if (!most) most = request.options[name].integer();
  const int64_t choices = std::clamp<int64_t>(request.options["n"].integer().value_or(1), 1, 128);
  if (most) return std::clamp<int64_t>(*most, 0, kMostTokens) * choices;
  return choices > 1 ? std::optional(kLongAnswer * choices) : std::nullopt;
}

}  // namespace

ChatError FromHttp(const net::HttpResult& result) {
  const ChatError::Kind kind = KindOf(result.error);
  const bool retryable = kind == ChatError::Kind::kTransport || kind == ChatError::Kind::kTimeout;
  ChatError error =
      MakeChatError(kind, result.message, retryable && result.error != net::HttpError::kTooLarge);
  error.outage = result.error == net::HttpError::kResolve || result.error == net::HttpError::kConnect ||
                 result.error == net::HttpError::kTimeoutConnect;
  return error;
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
  for (const auto& [name, value] : BuildHeaders(provider_.credentials, stream, context.idempotency_key))
    http.headers.push_back(name + ": " + value);
  http.timeout = std::min(context.timeout, provider_.request_timeout);
  http.max_response_bytes = provider_.max_response_size;
  http.ca_file = provider_.ca_file;
  http.proxy = provider_.proxy;
  return http;
}

ModelCall::ModelCall(ModelGateway& gateway, ChatRequest request, Context context, TextSink* sink,
                     Slot<ChatOutcome>& slot)
    : gateway_(gateway),
      request_(std::move(request)),
      context_(std::move(context)),
      sink_(sink),
      slot_(&slot) {
  if (!gateway_.limits_.none() || !gateway_.budgets_.none())
    prompt_tokens_ = EstimatePromptTokens(request_.messages);
  reserved_ = gateway_.Estimate(context_, request_.model, prompt_tokens_, MostOfAnswer(request_));
  if (auto refused = gateway_.Enter(reserved_)) {
    slot_->Set(ChatOutcome(std::move(*refused)));
    slot_ = nullptr;
    return;
  }
  entered_ = MonoNow();
  profile_ = gateway_.ProfileOf(request_.model);
  Send();
}

ModelCall::~ModelCall() {
  gateway_.Forfeit(reserved_);
  if (!transfer_) return;
  gateway_.http_.Cancel(transfer_);
  gateway_.GateOf(request_.model).OnAbandoned(entered_, MonoNow());
}

void ModelCall::Send() {
  const Provider& provider = gateway_.provider_;
  net::HttpRequest http = gateway_.MakeHttp("/chat/completions", request_.stream, context_);
  http.body = BuildChatBody(request_, profile_);

  ChatResponseParser::Options options;
  options.max_response_size = provider.max_response_size;
  options.prompt_tokens = EstimatePromptTokens(request_.messages);
  options.api_key = provider.credentials.api_key;
  parser_ = std::make_unique<ChatResponseParser>(std::move(options));
  transfer_ = gateway_.http_.Start(std::move(http), this);
}

void ModelCall::SetPaused(bool paused) {
  if (!transfer_) return;
  if (paused)
    gateway_.http_.Pause(transfer_);
  else
    gateway_.http_.Resume(transfer_);
}

ChatReply ModelCall::TakePartial() {
  if (transfer_) {
    gateway_.http_.Cancel(transfer_);
    gateway_.GateOf(request_.model).OnAbandoned(entered_, MonoNow());
  }
  transfer_ = 0;
  slot_ = nullptr;
  if (!parser_) return {};
  ChatResult result = parser_->Finish(TransportEnd::kCut, "cancelled");
  parser_.reset();
  auto* error = std::get_if<ChatError>(&result);
  ChatReply partial = error ? std::move(error->partial) : std::move(std::get<ChatReply>(result));
  // Its prompt was sent, whether or not something came back.
  partial.usage.prompt_tokens = std::max(partial.usage.prompt_tokens, prompt_tokens_);
  gateway_.Settle(reserved_, partial.model, partial.usage);
  return partial;
}

void ModelCall::OnHeaders(int status, const net::Headers& headers) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  const Headers all(headers.begin(), headers.end());
  gateway_.GateOf(request_.model).Learn(ReadRateLimits(all), MonoNow());
  parser_->Begin(status, all, WallNow());
}

void ModelCall::OnData(std::string_view bytes) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  received_ += bytes.size();
  const bool more = parser_->Feed(bytes);
  PassText();
  if (more) return;
  gateway_.http_.Cancel(transfer_);
  transfer_ = 0;
  Finish(parser_->Finish(TransportEnd::kCut));
}

void ModelCall::PassText() {
  const std::string_view text = parser_->TakeText();
  if (text.empty() || !sink_) return;
  text_passed_ = true;
  sink_->OnText(text);
}

void ModelCall::OnDone(const net::HttpResult& result) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  transfer_ = 0;
  if (result.status == 0 && !result.ok()) {
    ChatError error = FromHttp(result);
    error.message = Redact(error.message, gateway_.provider_.credentials.api_key);
    Finish(std::move(error));
    return;
  }
  // What it has beyond the text passed on is in the reply.
  ChatResult end =
      parser_->Finish(result.ok() ? TransportEnd::kComplete : TransportEnd::kCut, result.message);
  if (auto* error = std::get_if<ChatError>(&end)) {
    const net::HttpError http = result.error;
    if (error->kind == ChatError::Kind::kTransport && KindOf(http) == ChatError::Kind::kTimeout)
      error->kind = ChatError::Kind::kTimeout;
    const auto simpler = Downgrade(profile_, *error, parser_->error_body());
    if (simpler && !text_passed_) {
      profile_ = *simpler;
      gateway_.ProfileOf(request_.model) = profile_;
      Send();
      return;
    }
    error->output_started = text_passed_;
  }
  Finish(std::move(end));
}

void ModelCall::Finish(ChatResult result) {
  if (!slot_) return;
  auto* error = std::get_if<ChatError>(&result);
  gateway_.Heard(request_.model, entered_, error);
  const ChatReply& reply = error ? error->partial : std::get<ChatReply>(result);
  gateway_.Settle(reserved_, reply.model, reply.usage);
  std::exchange(slot_, nullptr)->Set(std::visit([](auto&& v) { return ChatOutcome(std::move(v)); }, result));
}

}  // namespace capeai::worker
