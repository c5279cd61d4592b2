#include "worker/embed_call.hpp"

#include "openai/errors.hpp"
#include "openai/rate_limit.hpp"
#include "openai/redact.hpp"
#include "openai/usage.hpp"
#include "worker/http_outcome.hpp"

namespace capeai::worker {

EmbedCall::EmbedCall(ModelGateway& gateway, EmbedRequest request, ModelCall::Context context,
                     Slot<EmbeddingsResult>& slot)
    : gateway_(gateway), request_(std::move(request)), context_(std::move(context)), slot_(&slot) {
  int64_t tokens = 0;
  if (!gateway_.limits().none() || !gateway_.budgets().none())
    for (const std::string& input : request_.inputs) tokens += EstimateTokens(input);
  reserved_ = gateway_.Estimate(context_, request_.model, tokens, 0);
  if (auto refused = gateway_.Enter(reserved_)) {
    slot_->Set(std::move(*refused));
    slot_ = nullptr;
    return;
  }
  entered_ = MonoNow();
  Send();
}

EmbedCall::~EmbedCall() {
  gateway_.Forfeit(reserved_);
  if (!transfer_) return;
  gateway_.http_.Cancel(transfer_);
  ProviderGate& gate = gateway_.GateOf(request_.model);
  gate.OnAbandoned(entered_, MonoNow());
  gate.Count({});
}

void EmbedCall::Send() {
  status_ = 0;
  headers_.clear();
  body_.clear();
  net::HttpRequest http = gateway_.MakeHttp("/embeddings", false, context_);
  http.body = BuildEmbeddingsBody(request_.model, request_.inputs, format_);
  transfer_ = gateway_.http_.Start(std::move(http), this);
}

void EmbedCall::OnHeaders(int status, net::Headers headers) {
  status_ = status;
  headers_ = std::move(headers);
  rates_ = ReadRateLimits(headers_);
}

// Bounded by max_response_bytes of the request.
bool EmbedCall::OnData(std::string_view bytes) {
  body_ += bytes;
  return true;
}

// An error status says what it means even if its body is cut.
void EmbedCall::OnEnd(const net::HttpResult& result) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  if (result.ok() || status_ >= 400)
    end_ = ParseEmbeddings(status_, headers_, body_, request_.inputs.size(), WallNow(),
                           gateway_.provider_.credentials.api_key);
}

void EmbedCall::OnNews() {
  if (rates_) gateway_.GateOf(request_.model).Learn(*rates_, MonoNow());
  rates_.reset();
}

bool EmbedCall::RefusesFormat(const ChatError& error) const {
  return format_ == EmbeddingFormat::kBase64 && error.kind == ChatError::Kind::kRefused &&
         (error.status == 400 || error.status == 422) && body_.find("encoding_format") != std::string::npos;
}

void EmbedCall::OnDone(const net::HttpResult& result) {
  FlightRecorder::Entry entry(gateway_.recorder_, context_.task);
  transfer_ = 0;
  if (!end_) {
    ChatError failed = FromHttp(result);
    failed.message = Redact(failed.message, gateway_.provider_.credentials.api_key);
    gateway_.GateOf(request_.model).Count(CallOf(result, &failed, {}));
    Finish(std::move(failed));
    return;
  }
  EmbeddingsResult end = std::move(*end_);
  end_.reset();
  const auto* error = std::get_if<ChatError>(&end);
  gateway_.GateOf(request_.model)
      .Count(CallOf(result, error, error ? Usage{} : std::get<EmbeddingsReply>(end).usage));
  if (error && RefusesFormat(*error)) {
    format_ = EmbeddingFormat::kFloat;
    Send();
    return;
  }
  if (auto* reply = std::get_if<EmbeddingsReply>(&end); reply && !reply->usage.reported)
    for (const std::string& input : request_.inputs) reply->usage.prompt_tokens += EstimateTokens(input);
  Finish(std::move(end));
}

void EmbedCall::Finish(EmbeddingsResult result) {
  body_ = {};
  auto* error = std::get_if<ChatError>(&result);
  gateway_.Heard(request_.model, entered_, error);
  const auto* reply = std::get_if<EmbeddingsReply>(&result);
  const Usage usage = reply ? reply->usage : Usage{};
  gateway_.Settle(reserved_, reply ? reply->model : "", usage);
  context_.calls.Push(
      CallRecord(request_.model, status_, usage, MonoNow() - entered_, reply ? "" : "refused"));
  std::exchange(slot_, nullptr)->Set(std::move(result));
}

}  // namespace capeai::worker
