#include "openai/json_text.hpp"

#include <array>
#include <cstdio>

#include "base/utf8.hpp"
#include "openai/headers.hpp"
#include "openai/wire.hpp"

namespace capeai {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;
constexpr int kMostCandidates = 100;  // braces in prose that are tried as the start of an object

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character that \c stands for; an unknown escape stands for itself.
char Unescape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

void EmitByte(char c, std::string& out) {
  if (c == '\0')
    utf8::Append(out, kReplacement);
  else
    out.push_back(c);
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The object at the front of `text`, whatever follows it; empty if there is none.
Json LeadingObject(std::string_view text) {
  json_error_t error;
  constexpr size_t kFlags = JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK;
  Json json = Json::Own(json_loadb(text.data(), text.size(), kFlags, &error));
  return json.is_object() ? json : Json();
}

Json FindObject(std::string_view text) {
  size_t at = text.find('{');
  for (int i = 0; i < kMostCandidates && at != std::string_view::npos; ++i) {
    if (Json json = LeadingObject(text.substr(at))) return json;
    at = text.find('{', at + 1);
  }
  return Json();
}

// Control characters inside strings, which JSON forbids, as escapes.
std::string EscapeControls(std::string_view text) {
  std::string out;
  bool in_string = false;
  bool backslash = false;
  for (const char c : text) {
    if (in_string && static_cast<unsigned char>(c) < ' ') {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out.append(escape.data());
    } else {
      out.push_back(c);
    }
    if (c == '"' && !backslash) in_string = !in_string;
    backslash = in_string && c == '\\' && !backslash;
  }
  return out;
}

}  // namespace

bool JsonStringDecoder::Step(char c, std::string& out) {
  if (state_ != State::kPlain && !StepEscape(c, out)) return false;
  if (c == '\\') {
    state_ = State::kEscape;
    return false;
  }
  DropHigh(out);
  if (c == '"') return true;
  EmitByte(c, out);
  return false;
}

// True if `c` does not belong to the escape after all.
bool JsonStringDecoder::StepEscape(char c, std::string& out) {
  if (state_ == State::kEscape) {
    state_ = c == 'u' ? State::kHex : State::kPlain;
    digits_ = 0;
    unit_ = 0;
    if (c == 'u') return false;
    DropHigh(out);
    EmitByte(Unescape(c), out);
    return false;
  }
  const int digit = HexDigit(c);
  if (digit < 0) {
    state_ = State::kPlain;
    DropHigh(out);
    utf8::Append(out, kReplacement);
    return true;
  }
  unit_ = unit_ * 16 + static_cast<uint32_t>(digit);
  if (++digits_ < 4) return false;
  state_ = State::kPlain;
  Emit(unit_, out);
  return false;
}

void JsonStringDecoder::Emit(uint32_t unit, std::string& out) {
  const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
  if (low && high_ != 0) {
    utf8::Append(out, 0x10000 + ((high_ - 0xD800) << 10) + (unit - 0xDC00));
    high_ = 0;
    return;
  }
  DropHigh(out);
  if (unit >= 0xD800 && unit <= 0xDBFF)
    high_ = unit;
  else
    utf8::Append(out, low || unit == 0 ? kReplacement : unit);
}

void JsonStringDecoder::DropHigh(std::string& out) {
  if (high_ != 0) utf8::Append(out, kReplacement);
  high_ = 0;
}

std::string JsonTextExtractor::Feed(std::string_view piece) {
  std::string out;
  if (complete_) return out;
  for (const char c : piece) Step(c, out);
  return out;
}

void JsonTextExtractor::Step(char c, std::string& out) {
  switch (state_) {
    case State::kInKey:
      if (decoder_.Step(c, key_)) state_ = State::kColon;
      if (key_.size() > member_.size()) key_.resize(member_.size() + 1);
      return;
    case State::kInText:
      if (!decoder_.Step(c, out)) return;
      complete_ = true;
      state_ = State::kEnd;
      return;
    case State::kInString: {
      std::string skipped;
      if (decoder_.Step(c, skipped)) state_ = State::kAfterValue;
      return;
    }
    case State::kNested:
    case State::kNestedString:
      StepNested(c);
      return;
    case State::kEnd:
      return;
    default:
      StepBetween(c);
  }
}

// The characters between names and values of the outermost object.
void JsonTextExtractor::StepBetween(char c) {
  if (state_ == State::kProse) {
    if (c == '{') state_ = State::kFirstKey;
    return;
  }
  if (state_ == State::kScalar && c != ',' && c != '}') return;
  if (IsBlank(c)) return;
  const bool after_value = state_ == State::kScalar || state_ == State::kAfterValue;
  if (after_value) {
    state_ = c == ',' ? State::kKey : State::kEnd;
  } else if (state_ == State::kColon) {
    state_ = c == ':' ? State::kValue : State::kEnd;
  } else if (state_ == State::kValue) {
    BeginValue(c);
  } else if (c == '"') {
    key_.clear();
    state_ = State::kInKey;
  } else if (state_ == State::kKey || c == '}') {
    state_ = State::kEnd;
  } else if (c != '{') {
    state_ = State::kProse;  // it was a brace in prose
  }
}

void JsonTextExtractor::BeginValue(char c) {
  if (c == '"') {
    started_ = key_ == member_;
    state_ = started_ ? State::kInText : State::kInString;
  } else if (c == '{' || c == '[') {
    depth_ = 1;
    state_ = State::kNested;
  } else {
    state_ = State::kScalar;
  }
}

void JsonTextExtractor::StepNested(char c) {
  if (state_ == State::kNestedString) {
    if (c == '"' && !backslash_) state_ = State::kNested;
    backslash_ = c == '\\' && !backslash_;
    return;
  }
  if (c == '"') state_ = State::kNestedString;
  if (c == '{' || c == '[') ++depth_;
  if ((c == '}' || c == ']') && --depth_ == 0) state_ = State::kAfterValue;
}

Json ExtractJsonObject(std::string_view text) {
  bool lossy = false;
  if (Json json = ParseWire(TrimBlanks(text), &lossy); json.is_object()) return json;
  if (Json json = FindObject(text)) return json;
  const size_t brace = text.find('{');
  return brace == std::string_view::npos ? Json() : FindObject(EscapeControls(text.substr(brace)));
}

}  // namespace capeai
