// One string out of a JSON object that is still being written: the answer text
// of a structured reply, character by character while the model speaks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "openai/json.hpp"

namespace capeai {

// Hands out the decoded characters of the string member `member` of the
// outermost object as soon as they are certain. Whatever precedes the object's
// brace (prose, a ``` fence) is skipped. Members of that name deeper down, or
// whose value is no string, do not count; the first that does is the one. The
// result does not depend on how the text is cut into pieces.
class JsonTextExtractor {
 public:
  explicit JsonTextExtractor(std::string member = "response") : member_(std::move(member)) {}

  // Decoded text that became certain with `piece`. What a database cannot store
  // (U+0000, half a surrogate pair) is U+FFFD.
  std::string Feed(std::string_view piece);

  bool started() const { return started_; }    // the member's string has begun
  bool complete() const { return complete_; }  // and ended

 private:
  enum class State {
    kProse,
    kKeyOrEnd,
    kKey,
    kInKey,
    kColon,
    kValue,
    kInString,
    kInText,
    kSkip,
    kInSkipped,
    kEnd
  };
  void Step(char c, std::string& out);
  void StepString(char c, std::string& out);
  void Emit(uint32_t code_point, std::string& out);
  void EmitByte(char c, std::string& out);
  void FlushSurrogate(std::string& out);
  void EndString();

  std::string member_;
  std::string key_;  // the top-level name being read, cut off when longer than any match
  State state_ = State::kProse;
  int depth_ = 0;      // nesting inside a skipped value
  int escape_ = 0;     // 0 none, 1 after the backslash, 2..5 hex digits of \u
  uint32_t unit_ = 0;  // UTF-16 unit being read
  uint32_t high_ = 0;  // a high surrogate that waits for its low one
  bool started_ = false;
  bool complete_ = false;
};

// The first JSON object in a model's reply, also inside a ``` fence or prose;
// empty if there is none.
Json ExtractJsonObject(std::string_view text);

}  // namespace capeai
