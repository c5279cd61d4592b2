// ModelCall: one request to a model, from the body that is built to the reply that is read.
#include <algorithm>

#include "openai/redact.hpp"
#include "openai/request.hpp"
#include "openai/usage.hpp"
#include "worker/http_outcome.hpp"
#include "worker/model_gateway.hpp"

namespace capeai::worker {

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
  Abandon();
}

void ModelCall::Abandon() {
  if (!transfer_) return;
  gateway_.http_.Cancel(std::exchange(transfer_, 0));
  ProviderGate& gate = gateway_.GateOf(request_.model);
  gate.OnAbandoned(entered_, MonoNow());
  gate.Count({});
}

void ModelCall::Send() {
  const Provider& provider = gateway_.provider_;
  net::HttpRequest http = gateway_.MakeHttp("/chat/completions", request_.stream, context_);
  http.body = BuildChatBody(request_, profile_);

  ChatResponseParser::Options options;
  options.max_response_size = provider.max_response_size;
  options.prompt_tokens = EstimatePromptTokens(request_.messages);
  options.keep_raw = request_.keep_raw;
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
  Abandon();
  slot_ = nullptr;
  if (!parser_ && !end_) return {};
  ChatResult result = end_ ? std::move(*end_) : parser_->Finish(TransportEnd::kCut, "cancelled");
  parser_.reset();
  auto* error = std::get_if<ChatError>(&result);
  ChatReply partial = error ? std::move(error->partial) : std::move(std::get<ChatReply>(result));
  // Its prompt was sent, whether or not something came back.
  partial.usage.prompt_tokens = std::max(partial.usage.prompt_tokens, prompt_tokens_);
  gateway_.Settle(reserved_, partial.model, partial.usage);
  Record(partial.usage, "dropped");
  return partial;
}

void ModelCall::OnHeaders(int status, net::Headers headers) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  status_ = status;
  rates_ = ReadRateLimits(headers);
  parser_->Begin(status, std::move(headers), WallNow());
}

bool ModelCall::OnData(std::string_view bytes) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  received_ += bytes.size();
  const bool more = parser_->Feed(bytes);
  if (sink_) text_ += parser_->TakeText();
  return more;
}

void ModelCall::OnEnd(const net::HttpResult& result) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  if (result.status == 0 && !result.ok()) return;
  end_ = parser_->Finish(result.ok() ? TransportEnd::kComplete : TransportEnd::kCut, result.message);
  if (std::holds_alternative<ChatReply>(*end_)) parser_.reset();  // with the body, where it is at hand
}

void ModelCall::OnNews() {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  if (rates_) gateway_.GateOf(request_.model).Learn(*rates_, MonoNow());
  rates_.reset();
  if (text_.empty()) return;
  text_passed_ = true;
  sink_->OnText(text_);
  text_.clear();
}

void ModelCall::Record(const Usage& usage, const std::string& error) {
  context_.calls.Push(CallRecord(request_.model, status_, usage, MonoNow() - entered_, error));
}

void ModelCall::OnDone(const net::HttpResult& result) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  transfer_ = 0;
  if (!end_) {
    ChatError failed = FromHttp(result);
    failed.message = Redact(failed.message, gateway_.provider_.credentials.api_key);
    gateway_.GateOf(request_.model).Count(CallOf(result, &failed, {}));
    Finish(std::move(failed));
    return;
  }
  // What it has beyond the text passed on is in the reply.
  ChatResult end = std::move(*end_);
  end_.reset();
  auto* error = std::get_if<ChatError>(&end);
  if (error && error->kind == ChatError::Kind::kTransport &&
      KindOf(result.error) == ChatError::Kind::kTimeout)
    error->kind = ChatError::Kind::kTimeout;
  gateway_.GateOf(request_.model)
      .Count(CallOf(result, error, error ? error->partial.usage : std::get<ChatReply>(end).usage));
  if (error) {
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
  Record(reply.usage, error ? (error->code.empty() ? ErrorName(error->kind) : error->code) : "");
  std::exchange(slot_, nullptr)->Set(std::visit([](auto&& v) { return ChatOutcome(std::move(v)); }, result));
}

}  // namespace capeai::worker
