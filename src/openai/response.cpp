#include "openai/response.hpp"

#include <algorithm>

#include "openai/errors.hpp"
#include "openai/message.hpp"
#include "openai/plain_body.hpp"
#include "openai/usage.hpp"
#include "openai/wire.hpp"

namespace capeai {
namespace {

using Kind = ChatError::Kind;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

ChatError Cut(std::string_view transport_error, std::string_view otherwise) {
  return MakeChatError(Kind::kTransport, std::string(transport_error.empty() ? otherwise : transport_error),
                       true);
}

}  // namespace

ChatResult ParseChatBody(std::string_view body, int64_t prompt_tokens, std::string_view api_key,
                         bool keep_raw) {
  if (auto plain = keep_raw ? std::nullopt : ReadPlainBody(body)) {
    EstimateMissingUsage(prompt_tokens, *plain);
    return std::move(*plain);
  }
  ChatReply reply;
  const Json json = ParseWire(body, &reply.lossy);
  if (!json.is_object())
    return MakeChatError(Kind::kMalformed, "the reply is not a JSON object; is capeai.base_url right?", true);
  const bool has_usage = ReadUsage(json["usage"], reply.usage);
  if (HoldsError(json)) {
    ChatError error = MakeStreamError(json, api_key);
    if (has_usage) error.partial = std::move(reply);
    return error;
  }
  const Json choices = json["choices"];
  Json choice;
  for (size_t i = 0; choices.is_array() && i < choices.size() && !choice; ++i)
    if (choices[i].is_object() && choices[i]["index"].integer().value_or(0) == 0) choice = choices[i];
  const Json message = choice["message"];
  if (!message.is_object()) return MakeChatError(Kind::kMalformed, "the reply holds no message", true);

  AppendText(json["id"], reply.id, &reply.lossy);
  AppendText(json["model"], reply.model, &reply.lossy);
  ReadMessage(message, reply);
  reply.finish_reason = choice["finish_reason"].string_or("");
  if (const Json calls = message["tool_calls"]; calls.is_array() && calls.size() > 0)
    reply.tool_calls = calls;
  if (keep_raw) reply.raw = json;
  EstimateMissingUsage(prompt_tokens, reply);
  return reply;
}

ChatResponseParser::ChatResponseParser(Options options) : options_(std::move(options)) {}
ChatResponseParser::ChatResponseParser(ChatResponseParser&&) noexcept = default;
ChatResponseParser& ChatResponseParser::operator=(ChatResponseParser&&) noexcept = default;
ChatResponseParser::~ChatResponseParser() = default;

void ChatResponseParser::Begin(int status, Headers headers, WallTime now) {
  status_ = status;
  headers_ = std::move(headers);
  now_ = now;
  if (status < 200 || status > 299) form_ = Form::kError;
}

bool ChatResponseParser::Feed(std::string_view bytes) {
  if (over_limit_) return false;
  if (form_ == Form::kError) {
    body_.append(bytes.substr(0, kErrorBodyBytes - body_.size()));
    return body_.size() < kErrorBodyBytes;
  }
  const size_t room = options_.max_response_size - received_;
  if (bytes.size() > room) over_limit_ = true;
  bytes = bytes.substr(0, room);
  received_ += bytes.size();
  if (form_ == Form::kStream) return stream_->Feed(bytes) && !over_limit_;
  body_.append(bytes);
  if (form_ == Form::kUndecided) Decide();
  if (form_ == Form::kStream) {
    const std::string start = std::exchange(body_, std::string());
    return stream_->Feed(start) && !over_limit_;
  }
  return !over_limit_;
}

// The first bytes tell a JSON body or an HTML page from an event stream more
// reliably than the content type, which proxies get wrong.
void ChatResponseParser::Decide() {
  std::string_view start = body_;
  if (start.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(start)) return;
  if (start.starts_with(kByteOrderMark)) start.remove_prefix(kByteOrderMark.size());
  const size_t first = start.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    // Blanks that keep a slow connection alive need not be kept; one tells that
    // a byte order mark cannot come any more.
    if (start.size() == body_.size() && !body_.empty()) body_.resize(1);
    return;
  }
  const char c = start[first];
  body_.erase(0, body_.size() - start.size() + first);
  if (c == '{' || c == '[' || c == '<') {
    form_ = Form::kBody;
    return;
  }
  form_ = Form::kStream;
  ChatStreamParser::Options options;
  options.limits.line_bytes = options_.max_response_size;
  options.limits.event_bytes = options_.max_response_size;
  options.prompt_tokens = options_.prompt_tokens;
  options.api_key = options_.api_key;
  stream_ = std::make_unique<ChatStreamParser>(std::move(options));
}

std::string_view ChatResponseParser::TakeText() { return stream_ ? stream_->TakeText() : std::string_view(); }

size_t ChatResponseParser::taken() const { return stream_ ? stream_->taken() : 0; }

ChatResult ChatResponseParser::FinishBody(TransportEnd end, std::string_view transport_error) const {
  ChatResult result = ParseChatBody(body_, options_.prompt_tokens, options_.api_key, options_.keep_raw);
  const ChatError* error = std::get_if<ChatError>(&result);
  if (end == TransportEnd::kCut && error && error->kind == Kind::kMalformed)
    return Cut(transport_error, "the connection closed before the end of the reply");
  return result;
}

ChatResult ChatResponseParser::FinishForm(TransportEnd end, std::string_view transport_error) {
  if (form_ == Form::kError) return MakeHttpError(status_, headers_, body_, now_, options_.api_key);
  if (form_ == Form::kStream)
    return stream_->Finish(end == TransportEnd::kCut ? transport_error : std::string_view());
  if (form_ == Form::kBody) return FinishBody(end, transport_error);
  if (status_ != 0 && end == TransportEnd::kComplete)
    return MakeChatError(Kind::kMalformed, "the reply is empty", true);
  return Cut(transport_error, "the connection closed without a response");
}

ChatResult ChatResponseParser::Finish(TransportEnd end, std::string_view transport_error) {
  ChatResult result = FinishForm(end, transport_error);
  ChatError* error = std::get_if<ChatError>(&result);
  if (!error) return result;
  // A fault that stood before the limit is the one that counts.
  const bool cut_short = error->kind == (form_ == Form::kStream ? Kind::kTransport : Kind::kMalformed);
  if (over_limit_ && cut_short) {
    error->kind = Kind::kTransport;
    error->message = "the reply is larger than " + std::to_string(options_.max_response_size) +
                     " bytes (capeai.max_response_size)";
    error->retryable = false;
  }
  if (error->status == 0) error->status = status_;
  return result;
}

}  // namespace capeai
