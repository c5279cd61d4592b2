#include "openai/errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/utf8.hpp"
#include "openai/rate_limit.hpp"
#include "openai/redact.hpp"
#include "openai/wire.hpp"

namespace capeai {
namespace {

constexpr size_t kMessageBytes = 1000;  // a person reads it; some servers send pages

// The parts of an error body, before redaction.
struct ErrorBody {
  std::string code;
  std::string type;
  std::string message;
  int status = 0;  // a numeric code or status_code in 400..599
};

bool ContainsAny(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

int StatusIn(const Json& value) {
  int64_t number = value.integer().value_or(0);
  if (const auto text = value.string(); text && text->size() == 3)
    if (std::all_of(text->begin(), text->end(), [](unsigned char c) { return std::isdigit(c); }))
      number = std::stoi(*text);
  return number >= 400 && number <= 599 ? static_cast<int>(number) : 0;
}

// One line of valid UTF-8 without control characters, not too long.
std::string OneLine(std::string_view text) {
  std::string line;
  bool blank = false;
  for (const char c : utf8::Repair(text.substr(0, 8 * kMessageBytes)).text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7F) {
      blank = !line.empty();
      continue;
    }
    if (std::exchange(blank, false)) line.push_back(' ');
    line.push_back(c);
  }
  if (line.size() <= kMessageBytes) return line;
  return std::string(utf8::Prefix(line, kMessageBytes)) + "...";
}

// {"detail": [{"loc": [...], "msg": "..."}, ...]}, as FastAPI reports bad input.
std::string DetailText(const Json& detail) {
  if (detail.is_string()) return detail.string_or("");
  std::string text;
  for (size_t i = 0; detail.is_array() && i < std::min<size_t>(detail.size(), 5); ++i) {
    if (!text.empty()) text += "; ";
    text += detail[i]["msg"].string_or("");
    if (const Json where = detail[i]["loc"]) text += " at " + where.Dump();
  }
  return text.empty() ? detail.Dump() : text;
}

ErrorBody ReadFields(const Json& error) {
  ErrorBody body;
  body.code = ScalarText(error["code"]);
  body.type = ScalarText(error["type"]);
  body.message = error["message"].string_or("");
  body.status = StatusIn(error["code"]);
  if (body.status == 0) body.status = StatusIn(error["status_code"]);
  return body;
}

ErrorBody ReadErrorObject(const Json& object) {
  const Json error = object["error"];
  if (error.is_object()) return ReadFields(error);
  ErrorBody body = ReadFields(object);
  if (error.is_string()) body.message = error.string_or("");
  if (body.message.empty())
    if (const Json detail = object["detail"]) body.message = DetailText(detail);
  return body;
}

// What an HTML page says it is: its title.
std::string HtmlText(std::string_view body) {
  const std::string lower = Lower(body);
  const size_t open = lower.find("<title");
  const size_t begin = open == std::string::npos ? open : lower.find('>', open);
  const size_t end = begin == std::string::npos ? begin : lower.find("</title", begin);
  const std::string title = end == std::string::npos ? "" : OneLine(body.substr(begin + 1, end - begin - 1));
  return title.empty() ? "the server sent an HTML page" : title + " (the server sent an HTML page)";
}

ErrorBody ReadBody(std::string_view body) {
  const std::string_view text = TrimBlanks(body);
  bool lossy = false;
  if (text.starts_with('{') || text.starts_with('[')) {
    Json json = ParseWire(text, &lossy);
    if (json.is_array()) json = json[size_t{0}];  // Gemini's OpenAI endpoint wraps it in an array
    if (json.is_object()) {
      ErrorBody found = ReadErrorObject(json);
      if (found.message.empty()) found.message = json.Dump();
      return found;
    }
  }
  ErrorBody found;
  found.message = text.starts_with('<') ? HtmlText(text) : std::string(text);
  return found;
}

bool IsQuota(const ErrorBody& body) {
  return body.code == "insufficient_quota" || body.type == "insufficient_quota" ||
         body.code == "billing_hard_limit_reached";
}

bool IsContextLength(int status, const ErrorBody& body) {
  if (body.code == "context_length_exceeded") return true;
  if (status != 400 && status != 413 && status != 422) return false;
  return ContainsAny(Lower(body.message),
                     {"maximum context length", "context length exceeded", "context_length_exceeded",
                      "exceeds the available context size", "context window", "prompt is too long"});
}

// The status that an error in a stream stands for, by what servers call it.
int ClassOf(const ErrorBody& body) {
  if (body.status != 0) return body.status;
  const std::string name = Lower(body.code + " " + body.type);
  if (ContainsAny(name, {"rate_limit", "insufficient_quota", "tokens", "requests"})) return 429;
  if (ContainsAny(name, {"authentication", "invalid_api_key"})) return 401;
  if (ContainsAny(name, {"permission"})) return 403;
  if (ContainsAny(name, {"not_found"})) return 404;
  if (ContainsAny(name, {"invalid_request", "content_filter", "context_length", "invalid_prompt"}))
    return 400;
  return 500;
}

ChatError Assemble(ChatError::Kind kind, int status, const ErrorBody& body, std::string_view api_key) {
  ChatError error;
  error.kind = kind;
  error.status = status;
  error.code = Redact(OneLine(body.code), api_key);
  error.type = Redact(OneLine(body.type), api_key);
  error.message = Redact(OneLine(body.message), api_key);
  if (error.message.empty()) error.message = "the server gave no reason";
  const bool quota = IsQuota(body);
  error.context_length = IsContextLength(status, body);
  error.retryable = RetryableStatus(status) && !quota && !error.context_length;
  error.provider_wide = status == 429 && !quota;
  return error;
}

}  // namespace

bool RetryableStatus(int status) {
  return status == 408 || status == 409 || status == 429 || (status >= 500 && status <= 599);
}

ChatError MakeHttpError(int status, const Headers& headers, std::string_view body, WallTime now,
                        std::string_view api_key) {
  ChatError error = Assemble(ChatError::Kind::kRefused, status, ReadBody(body), api_key);
  if (error.retryable) error.retry_after = RetryAfter(headers, now);
  return error;
}

ChatError MakeStreamError(const Json& object, std::string_view api_key) {
  const ErrorBody body = ReadErrorObject(object);
  return Assemble(ChatError::Kind::kInStream, ClassOf(body), body, api_key);
}

ChatError MakeChatError(ChatError::Kind kind, std::string message, bool retryable) {
  ChatError error;
  error.kind = kind;
  error.message = OneLine(message);
  error.retryable = retryable;
  return error;
}

bool HoldsError(const Json& object) {
  const Json error = object["error"];
  if (error.is_object() || !error.string_or("").empty()) return true;
  return object["object"].string_or("") == "error";
}

std::string ErrorParam(std::string_view body) {
  bool lossy = false;
  return ParseWire(TrimBlanks(body), &lossy)["error"]["param"].string_or("");
}

std::string HintFor(const ChatError& error) {
  using Kind = ChatError::Kind;
  if (error.context_length)
    return "Shorten the prompt, ask for fewer passages, or use a model with a larger context.";
  if (error.code == "insufficient_quota" || error.type == "insufficient_quota")
    return "The account at the provider has no credit left; check its plan and billing.";
  if (error.kind != Kind::kRefused && error.kind != Kind::kInStream) return "";
  if (error.status == 401) return "Check the key: capeai.api_key_file, capeai.api_key or OPENAI_API_KEY.";
  if (error.status == 403) return "The key is not allowed to do this; check its project and permissions.";
  if (error.status == 404) return "Check capeai.base_url and the name of the model.";
  if (error.status == 429)
    return "The provider limits the rate; see capeai_set_limit and capeai.max_in_flight.";
  if (error.status >= 300 && error.status < 400)
    return "Redirects are not followed; set capeai.base_url to the final address.";
  return "";
}

}  // namespace capeai
