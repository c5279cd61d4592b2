// The answer to a chat completion request: bytes in, text deltas and one result
// out, whichever of the two forms (event stream, JSON body) the server chose.
// Knows no socket and no clock.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "openai/chat.hpp"
#include "openai/headers.hpp"
#include "openai/stream.hpp"

namespace capeai {

// Reply or error of one exchange.
using ChatResult = std::variant<ChatReply, ChatError>;

// A whole JSON body with status 200. A body that is no chat completion is
// kMalformed; one that holds an error object is kInStream.
ChatResult ParseChatBody(std::string_view body, int64_t prompt_tokens = 0, std::string_view api_key = {},
                         bool keep_raw = false);

// How the transport ended: the whole response arrived, or not.
enum class TransportEnd { kComplete, kCut };

// Begin() once the headers are here, Feed() for the bytes, TakeText() whenever
// text may be passed on, Finish() once.
class ChatResponseParser {
 public:
  struct Options {
    size_t max_response_size = size_t{16} << 20;  // bytes of the body; more is an error
    int64_t prompt_tokens = 0;                    // estimate (usage.hpp), used if the server reports none
    std::string api_key;                          // removed from error messages; may be empty
    bool keep_raw = false;                        // of a JSON body: ChatReply::raw
  };
  // Of a body that comes with an error status this much is read; errors are small.
  static constexpr size_t kErrorBodyBytes = size_t{64} << 10;

  explicit ChatResponseParser(Options options);
  ChatResponseParser(ChatResponseParser&&) noexcept;
  ChatResponseParser& operator=(ChatResponseParser&&) noexcept;
  ~ChatResponseParser();

  // `now` is what a Retry-After date is counted from.
  void Begin(int status, Headers headers, WallTime now);

  // False: the result is certain and the rest need not be read (over the limit,
  // an error in the stream); drop the connection. After [DONE] it stays true, so
  // that the connection can be used again.
  bool Feed(std::string_view bytes);

  // Text of choice 0 since the last call: whole characters, valid until the next
  // call of any method. From a JSON body it comes at Finish(), in the reply only.
  std::string_view TakeText();

  // Bytes of the reply's text that TakeText() has handed out. What the reply of
  // Finish() has beyond them is still to be passed on.
  size_t taken() const;

  // An answer with its finish_reason or [DONE] is whole, even if the connection
  // was cut after it; one without either is kTransport, with `partial`. If no
  // headers came, kTransport. `transport_error` says why it was cut.
  ChatResult Finish(TransportEnd end, std::string_view transport_error = {});

  // Start of the body that came with an error status; for Downgrade().
  const std::string& error_body() const { return body_; }

 private:
  enum class Form { kUndecided, kStream, kBody, kError };
  void Decide();
  ChatResult FinishForm(TransportEnd end, std::string_view transport_error);
  ChatResult FinishBody(TransportEnd end, std::string_view transport_error) const;

  Options options_;
  int status_ = 0;
  Headers headers_;
  WallTime now_;
  Form form_ = Form::kUndecided;
  size_t received_ = 0;
  bool over_limit_ = false;
  std::string body_;  // JSON body, error body, or bytes whose form is undecided
  std::unique_ptr<ChatStreamParser> stream_;
};

}  // namespace capeai
