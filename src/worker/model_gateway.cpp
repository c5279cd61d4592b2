#include "worker/model_gateway.hpp"

#include <algorithm>

#include "openai/errors.hpp"
#include "openai/redact.hpp"
#include "openai/request.hpp"
#include "openai/usage.hpp"

namespace capeai::worker {
namespace {

// Bounds the memory of the maps when callers bring ever new model names.
constexpr size_t kMaxModels = 1000;

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

}  // namespace

ChatError FromHttp(const net::HttpResult& result) {
  const ChatError::Kind kind = KindOf(result.error);
  const bool retryable = kind == ChatError::Kind::kTransport || kind == ChatError::Kind::kTimeout;
  return MakeChatError(kind, result.message, retryable && result.error != net::HttpError::kTooLarge);
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

std::vector<std::string> ModelGateway::PausedModels(MonoTime now, Duration* shortest) const {
  std::vector<std::string> out;
  for (const auto& [model, gate] : gates_) {
    const auto closed = gate.Peek(now);
    if (!closed) continue;
    *shortest = out.empty() ? closed->wait : std::min(*shortest, closed->wait);
    out.push_back(model);
  }
  return out;
}

ProviderGate& ModelGateway::GateOf(const std::string& model) {
  if (gates_.size() > kMaxModels) gates_.clear();
  return gates_.try_emplace(model, provider_.base_url, provider_.credentials.api_key, model).first->second;
}

std::optional<ChatError> ModelGateway::Enter(const std::string& model) {
  if (!provider_.problem.empty() || !provider_.configured)
    return MakeChatError(ChatError::Kind::kConfig,
                         provider_.problem.empty() ? "no model provider is configured" : provider_.problem,
                         false);
  const auto closed = GateOf(model).Enter(MonoNow());
  if (!closed) return std::nullopt;
  ChatError error =
      MakeChatError(ChatError::Kind::kRefused,
                    std::string("not sent: the provider is paused (") + closed->reason + ")", true);
  error.status = 429;
  error.code = closed->reason;
  error.retry_after = closed->wait;
  // Not provider_wide: this pause is known already.
  return error;
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
  if (auto refused = gateway_.Enter(request_.model)) {
    slot_->Set(ChatOutcome(std::move(*refused)));
    slot_ = nullptr;
    return;
  }
  profile_ = gateway_.ProfileOf(request_.model);
  Send();
}

ModelCall::~ModelCall() {
  if (!transfer_) return;
  gateway_.http_.Cancel(transfer_);
  gateway_.GateOf(request_.model).OnAbandoned(MonoNow());
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
    gateway_.GateOf(request_.model).OnAbandoned(MonoNow());
  }
  transfer_ = 0;
  slot_ = nullptr;
  if (!parser_) return {};
  ChatResult result = parser_->Finish(TransportEnd::kCut, "cancelled");
  parser_.reset();
  if (auto* error = std::get_if<ChatError>(&result)) return std::move(error->partial);
  return std::move(std::get<ChatReply>(result));
}

void ModelCall::OnHeaders(int status, const net::Headers& headers) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  parser_->Begin(status, Headers(headers.begin(), headers.end()), WallNow());
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
  ProviderGate& gate = gateway_.GateOf(request_.model);
  if (const auto* error = std::get_if<ChatError>(&result))
    gate.OnError(*error, MonoNow());
  else
    gate.OnSuccess();
  std::exchange(slot_, nullptr)->Set(std::visit([](auto&& v) { return ChatOutcome(std::move(v)); }, result));
}

}  // namespace capeai::worker
