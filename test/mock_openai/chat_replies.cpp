// Chat completions as JSON and as SSE streams (CreateChatCompletionResponse,
// CreateChatCompletionStreamResponse): see responses.hpp.
#include <cstdio>

#include "responses.hpp"

namespace mock {
namespace {

std::string UsageJson(const ModelAnswer& answer) {
  return "{\"prompt_tokens\":" + std::to_string(answer.prompt_tokens) +
         ",\"completion_tokens\":" + std::to_string(answer.completion_tokens) +
         ",\"total_tokens\":" + std::to_string(answer.prompt_tokens + answer.completion_tokens) +
         ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":"
         "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_"
         "tokens\":0}}";
}

// {"id":…,"object":…,"created":…,"model":…
std::string Preamble(const char* object, const ChatFacts& facts) {
  std::string out = "{\"id\":\"chatcmpl-mock-" + std::to_string(facts.number) + "\",\"object\":\"" + object +
                    "\",\"created\":" + std::to_string(facts.created) + ",\"model\":";
  AppendQuoted(out, facts.model);
  out += ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\"";
  return out;
}

void AppendToolCalls(std::string& out, const ModelAnswer& answer, bool indexed) {
  out += '[';
  for (size_t i = 0; i < answer.tool_calls.size(); ++i) {
    const ToolCall& call = answer.tool_calls[i];
    if (i > 0) out += ',';
    out += indexed ? "{\"index\":" + std::to_string(i) + "," : "{";
    out += "\"id\":" + Quoted(call.id) +
           ",\"type\":\"function\",\"function\":{\"name\":" + Quoted(call.name) +
           ",\"arguments\":" + Quoted(call.arguments) + "}}";
  }
  out += ']';
}

void AppendMessage(std::string& out, const ModelAnswer& answer) {
  out += "{\"role\":\"assistant\",\"content\":";
  const bool no_text = !answer.refusal.empty() || !answer.tool_calls.empty();
  no_text ? void(out += "null") : AppendQuoted(out, answer.text);
  if (!answer.tool_calls.empty()) {
    out += ",\"tool_calls\":";
    AppendToolCalls(out, answer, false);
  }
  out += ",\"refusal\":";
  answer.refusal.empty() ? void(out += "null") : AppendQuoted(out, answer.refusal);
  out += ",\"annotations\":[]}";
}

std::string RateLimitHeaders(const Script& script) {
  if (script.ratelimit < 0) return {};
  const std::string left = std::to_string(script.ratelimit);
  return "x-ratelimit-limit-requests: 500\r\nx-ratelimit-remaining-requests: " + left +
         "\r\nx-ratelimit-reset-requests: 120ms\r\nx-ratelimit-limit-tokens: "
         "200000\r\nx-ratelimit-remaining-tokens: " +
         std::to_string(script.ratelimit * 400) + "\r\nx-ratelimit-reset-tokens: 6ms\r\n";
}

// The events of a stream, each as the JSON text after "data: ".
class StreamWriter {
 public:
  StreamWriter(const ModelAnswer& answer, const ChatFacts& facts, const Script& script)
      : answer_(answer),
        script_(script),
        choices_(facts.choices),
        open_(Preamble("chat.completion.chunk", facts)),
        usage_(facts.include_usage && !script.no_usage) {}

  std::vector<std::string> Events() {
    const std::string role = "{\"role\":\"assistant\",\"content\":";
    const bool no_text = !answer_.refusal.empty() || !answer_.tool_calls.empty();
    Delta(role + (no_text ? "null" : "\"\"") + ",\"refusal\":null}", nullptr);
    if (!answer_.refusal.empty()) Characters("refusal", answer_.refusal);
    if (!answer_.tool_calls.empty()) {
      std::string delta = "{\"tool_calls\":";
      AppendToolCalls(delta, answer_, true);
      Delta(delta + "}", nullptr);
    }
    if (!no_text) Characters("content", answer_.text);
    if (script_.error_in_stream) {
      events_.resize((events_.size() + 1) / 2);
      events_.push_back(
          "{\"error\":{\"message\":\"The server had an error while processing your request. Sorry about "
          "that!\",\"type\":\"server_error\",\"param\":null,\"code\":null}}");
      return std::move(events_);
    }
    if (script_.garbage)
      events_.insert(events_.begin() + static_cast<long>(events_.size() / 2), "{\"id\":\"chatcm, oops");
    Delta("{}", answer_.finish_reason.c_str());
    if (usage_) events_.push_back(open_ + ",\"choices\":[],\"usage\":" + UsageJson(answer_) + "}");
    if (!script_.no_done) events_.push_back("[DONE]");
    return std::move(events_);
  }

 private:
  void Delta(const std::string& delta, const char* finish) {
    for (int i = 0; i < choices_; ++i)
      events_.push_back(open_ + (usage_ ? ",\"usage\":null" : "") +
                        ",\"choices\":[{\"index\":" + std::to_string(i) + ",\"delta\":" + delta +
                        ",\"logprobs\":null,\"finish_reason\":" + (finish ? Quoted(finish) : "null") + "}]}");
  }

  void Characters(const char* member, std::string_view text) {
    while (!text.empty()) {
      std::string_view part = CutUtf8(text, script_.chunk);
      if (part.empty()) part = CutUtf8(text, 4);  // a chunk smaller than one character
      Delta(std::string("{\"") + member + "\":" + Quoted(part) + "}", nullptr);
      text.remove_prefix(part.size());
    }
  }

  const ModelAnswer& answer_;
  const Script& script_;
  const int choices_;
  const std::string open_;
  const bool usage_;
  std::vector<std::string> events_;
};

// One HTTP chunk (RFC 9112, 7.1) with one event.
std::string Frame(const std::string& event, const Script& script) {
  const char* end = script.crlf ? "\r\n" : "\n";
  std::string text = script.comments ? std::string(": OPENROUTER PROCESSING") + end + end : std::string();
  text += "data: " + event + end + end;
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

}  // namespace

Reply ChatReply(const ModelAnswer& answer, const ChatFacts& facts, const Script& script) {
  std::string body = Preamble("chat.completion", facts);
  body.reserve(body.size() + answer.text.size() + 640);
  body += ",\"choices\":[";
  for (int i = 0; i < facts.choices; ++i) {
    body += i > 0 ? ",{\"index\":" : "{\"index\":";
    body += std::to_string(i) + ",\"message\":";
    AppendMessage(body, answer);
    body += ",\"logprobs\":null,\"finish_reason\":" + Quoted(answer.finish_reason) + "}";
  }
  body += "]";
  if (!script.no_usage) body += ",\"usage\":" + UsageJson(answer);
  body += "}\n";
  if (!script.endless) return PlainReply(200, "application/json", body, RateLimitHeaders(script));

  Reply reply;
  reply.status = 200;
  reply.pieces.push_back(
      {0, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"});
  const std::string start =
      Preamble("chat.completion", facts) + ",\"choices\":[{\"index\":0,\"message\":{\"content\":\"";
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", start.size());
  reply.pieces[0].bytes += size + start + "\r\n";
  reply.repeat = "4000\r\n" + std::string(0x4000, 'a') + "\r\n";
  reply.ending = Ending::kClose;
  return reply;
}

Reply ChatStream(const ModelAnswer& answer, const ChatFacts& facts, const Script& script) {
  std::vector<std::string> events = StreamWriter(answer, facts, script).Events();
  Reply reply;
  reply.status = 200;
  reply.pieces.push_back({0,
                          "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                          "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n" +
                              RateLimitHeaders(script) + "\r\n"});
  const bool truncated = script.truncate >= 0 && static_cast<size_t>(script.truncate) < events.size();
  if (truncated) events.resize(static_cast<size_t>(script.truncate));
  for (size_t i = 0; i < events.size(); ++i) {
    const std::string frame = Frame(events[i], script);
    if (script.delay > 0 && i > 0) {
      reply.pieces.push_back({script.delay, frame});
    } else {
      reply.pieces.back().bytes += frame;
    }
  }
  if (script.endless) {
    reply.pieces.resize(1);
    for (int i = 0; i < 64; ++i)
      reply.repeat += Frame(events[std::min<size_t>(1, events.size() - 1)], script);
    reply.ending = Ending::kClose;
  } else if (truncated) {
    reply.ending = Ending::kClose;
  } else {
    reply.pieces.back().bytes += "0\r\n\r\n";
  }
  return reply;
}

}  // namespace mock
