// A chat completion that arrives as an event stream: chunks are merged into one
// reply. Source: OpenAI API reference, "Streaming"; what other servers do
// differently is noted where it is handled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "openai/chat.hpp"
#include "openai/sse.hpp"

namespace capeai {

// One tool call, put together from its pieces.
struct ToolCall {
  std::string id;
  std::string type = "function";
  std::string name;
  std::string arguments;
};

class ChatStreamParser {
 public:
  struct Options {
    SseParser::Limits limits;
    int64_t prompt_tokens = 0;  // estimate, used if the server reports no usage
    std::string api_key;        // removed from error messages
  };
  static constexpr size_t kMaxToolCalls = 128;

  explicit ChatStreamParser(Options options);

  // False once an error is certain; bytes after it and after [DONE] are ignored.
  bool Feed(std::string_view bytes);

  // Text of choice 0 since the last call; valid until the next call.
  std::string_view TakeText();

  // Bytes of the reply's text that TakeText() has handed out.
  size_t taken() const { return taken_; }

  // The end of the input. Complete if [DONE] or a finish_reason was seen;
  // otherwise kTransport with what had arrived. Call once. An event that only
  // lacks its blank line still counts; its text is in the reply, and was not
  // handed out.
  std::variant<ChatReply, ChatError> Finish(std::string_view transport_error = {});

 private:
  void OnEvent(const SseEvent& event);
  bool OnPlainChunk(const SseEvent& event);
  void OnTail();
  void OnChunk(const Json& chunk);
  void OnChoice(const Json& choice);
  void OnToolCalls(const Json& pieces);
  void Fail(ChatError error);
  ChatReply TakeReply();

  Options options_;
  SseParser sse_;
  ChatReply reply_;
  std::vector<ToolCall> tool_calls_;
  std::optional<ChatError> error_;
  size_t taken_ = 0;  // bytes of reply_.text handed out
  bool choice_seen_ = false;
  bool done_ = false;  // [DONE]
};

}  // namespace capeai
