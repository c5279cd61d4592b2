// The way of the model's text from the wire to whoever listens: of a structured
// reply only the characters of member `response`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/host.hpp"
#include "openai/json_text.hpp"

namespace capeai {

class ReplyStream : public TextSink {
 public:
  // `structured`: the model writes a JSON object with a member `response`. `pass_on`: there is a listener.
  ReplyStream(Host& host, bool structured, bool pass_on)
      : host_(host), structured_(structured), pass_on_(pass_on) {}

  void OnText(std::string_view piece) override {
    received_ += piece.size();
    if (structured_)
      Show(extractor_.Feed(piece));
    else
      Show(piece);
  }

  // The exchange is over and this was its text; what was not streamed is made up for.
  void Finish(const std::string& text) {
    if (text.size() > received_) OnText(std::string_view(text).substr(received_));
  }

  // Text that the answer has besides what was extracted.
  void Show(std::string_view text) {
    if (text.empty() || muted_) return;
    text_ += text;
    if (pass_on_) host_.Delta(text);
  }

  // Before another exchange of the same attempt. A listener has seen the text and cannot be told otherwise,
  // so that what comes now is not shown; without one it replaces the text.
  void NextExchange() {
    muted_ = shown();
    if (!muted_) text_.clear();
    extractor_ = JsonTextExtractor();
    received_ = 0;
  }

  const std::string& text() const { return text_; }  // all that was shown
  bool shown() const { return pass_on_ && !text_.empty(); }
  // The text shown is whole, as far as the wire tells.
  bool complete() const { return muted_ || !structured_ || extractor_.complete(); }

 private:
  Host& host_;
  const bool structured_;
  const bool pass_on_;
  bool muted_ = false;
  JsonTextExtractor extractor_;
  size_t received_ = 0;
  std::string text_;
};

}  // namespace capeai
