// One string out of a JSON object that is still being written: the answer text
// of a structured reply, character by character while the model speaks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "openai/json.hpp"

namespace capeai {

// Decodes the inside of a JSON string that arrives in pieces. What a database
// cannot store (U+0000, half a surrogate pair) becomes U+FFFD; an unknown escape
// stands for its character, as weak models mean it.
class JsonStringDecoder {
 public:
  // Takes the next byte after the opening quote and appends what became certain
  // to `out`. True at the closing quote; then it can be used for another string.
  bool Step(char c, std::string& out);

 private:
  enum class State { kPlain, kEscape, kHex };
  void Emit(uint32_t unit, std::string& out);
  void DropHigh(std::string& out);
  bool StepEscape(char c, std::string& out);

  State state_ = State::kPlain;
  int digits_ = 0;     // of \uXXXX, read so far
  uint32_t unit_ = 0;  // their value
  uint32_t high_ = 0;  // a high surrogate that waits for its low one
};

// Hands out the decoded characters of the string member `member` of the
// outermost object as soon as they are certain. Whatever precedes the object's
// brace (prose, a ``` fence) is skipped. Members of that name deeper down, or
// whose value is no string, do not count; the first that does is the one. The
// result does not depend on how the text is cut into pieces.
class JsonTextExtractor {
 public:
  explicit JsonTextExtractor(std::string member = "response") : member_(std::move(member)) {}

  // Decoded text that became certain with `piece`, which is valid UTF-8.
  std::string Feed(std::string_view piece);

  bool started() const { return started_; }    // the member's string has begun
  bool complete() const { return complete_; }  // and ended

 private:
  enum class State {
    kProse,     // before the object
    kFirstKey,  // after '{'
    kKey,       // after ','
    kInKey,
    kColon,
    kValue,     // after ':'
    kInText,    // in the string that is wanted
    kInString,  // in another string value
    kScalar,    // in a number or a word
    kNested,    // in an object or array, depth_ deep
    kNestedString,
    kAfterValue,
    kEnd,  // after the object, or where it is no JSON
  };
  void Step(char c, std::string& out);
  void StepBetween(char c);
  void StepNested(char c);
  void BeginValue(char c);

  std::string member_;
  JsonStringDecoder decoder_;
  std::string key_;  // the name being read, kept only while it may match
  State state_ = State::kProse;
  int64_t depth_ = 0;
  bool backslash_ = false;  // in a skipped nested string
  bool started_ = false;
  bool complete_ = false;
};

// The first JSON object in a model's reply, also inside a ``` fence or prose,
// and with raw line ends in its strings, as weak models write; empty if there is
// none.
Json ExtractJsonObject(std::string_view text);

}  // namespace capeai
