// Json::Dump(), Json::Pretty() and Json::Tokens(): a tree as text, and as base/json_tokens.hpp has it.
//
// jansson's own json_dumps looks for loops, which a tree of ours cannot have, by the
// printed address of each container, and at each character by itself. Most of a
// request's body is text in which nothing is to be escaped.
#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

// A megabyte in which all stands 2,000 deep would be indented to gigabytes.
constexpr size_t kDeepestIndented = 20;

// As JsonTokenWriter, but the text of a document.
class JsonTextWriter {
 public:
  explicit JsonTextWriter(std::string& out, bool pretty = false) : out_(out), pretty_(pretty) {}
  void Add(JsonToken token) {
    switch (token) {
      case JsonToken::kEndObject:
      case JsonToken::kEndArray:
        --depth_;
        if (follows_) BeginLine();
        out_ += static_cast<char>(token);
        follows_ = true;
        return;
      case JsonToken::kBeginObject:
      case JsonToken::kBeginArray:
        Separate();
        out_ += static_cast<char>(token);
        follows_ = false;
        ++depth_;
        return;
      default:
        Separate();
        out_ += token == JsonToken::kTrue ? "true" : token == JsonToken::kFalse ? "false" : "null";
    }
  }
  void AddInt(int64_t value) {
    Separate();
    out_ += std::to_string(value);
  }
  void AddText(JsonToken token, std::string_view text) {
    Separate();
    if (token == JsonToken::kReal) {
      out_ += text;
      return;
    }
    Quote(text);
    if (token != JsonToken::kKey) return;
    out_ += pretty_ ? ": " : ":";
    follows_ = false;
    after_key_ = true;
  }

 private:
  void Separate() {
    if (follows_) out_ += ',';
    if (!std::exchange(after_key_, false) && depth_ > 0) BeginLine();
    follows_ = true;
  }

  void BeginLine() {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(2 * std::min(depth_, kDeepestIndented), ' ');
  }

  void Quote(std::string_view text) {
    out_ += '"';
    size_t plain = 0;  // from here on nothing had to be escaped
    for (size_t at = 0; at < text.size(); ++at) {
      const auto c = static_cast<unsigned char>(text[at]);
      if (c >= ' ' && c != '"' && c != '\\') continue;
      out_ += text.substr(plain, at - plain);
      Escape(c);
      plain = at + 1;
    }
    out_ += text.substr(plain);
    out_ += '"';
  }

  void Escape(unsigned char c) {
    constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt",
                               kDigits = "0123456789ABCDEF";
    out_ += '\\';
    if (const size_t which = kEscaped.find(static_cast<char>(c)); which != std::string_view::npos) {
      out_ += kLetters[which];
      return;
    }
    out_ += "u00";
    out_ += kDigits[c >> 4];
    out_ += kDigits[c & 15];
  }

  std::string& out_;
  bool pretty_;
  bool follows_ = false;  // on a value, so that a comma comes before another
  bool after_key_ = false;
  size_t depth_ = 0;
};

// The shortest text that reads back as the same number: 0.1 stays 0.1, and 1.0 a real.
template <class Writer>
void WriteReal(double value, Writer& out) {
  char text[32];
  const std::to_chars_result end = std::to_chars(std::begin(text), std::end(text), value);
  std::string shortest(text, end.ptr);
  if (shortest.find_first_of(".e") == std::string::npos) shortest += ".0";
  out.AddText(JsonToken::kReal, shortest);
}

// Parsed documents are nested at most 2,048 deep (jansson's limit), ours hardly.
template <class Writer>
void Write(json_t* value, Writer& out) {
  switch (json_typeof(value)) {
    case JSON_OBJECT: {
      out.Add(JsonToken::kBeginObject);
      for (void* at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        out.AddText(JsonToken::kKey, {json_object_iter_key(at), json_object_iter_key_len(at)});
        Write(json_object_iter_value(at), out);
      }
      out.Add(JsonToken::kEndObject);
      return;
    }
    case JSON_ARRAY: {
      out.Add(JsonToken::kBeginArray);
      for (size_t i = 0; i < json_array_size(value); ++i) Write(json_array_get(value, i), out);
      out.Add(JsonToken::kEndArray);
      return;
    }
    case JSON_STRING:
      return out.AddText(JsonToken::kString, {json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
      return out.AddInt(json_integer_value(value));
    case JSON_REAL:
      return WriteReal(json_real_value(value), out);
    case JSON_TRUE:
      return out.Add(JsonToken::kTrue);
    case JSON_FALSE:
      return out.Add(JsonToken::kFalse);
    case JSON_NULL:
      return out.Add(JsonToken::kNull);
  }
}

constexpr size_t kUsual = 256;  // most documents of a task take less

template <class Writer, class... Options>
std::string Written(json_t* value, Options... options) {
  std::string out;
  if (!value) return out;
  out.reserve(kUsual);
  Writer writer(out, options...);
  Write(value, writer);
  return out;
}

}  // namespace

std::string Json::Dump() const { return Written<JsonTextWriter>(value_); }
std::string Json::Pretty() const { return Written<JsonTextWriter>(value_, true); }
std::string Json::Tokens() const { return Written<JsonTokenWriter>(value_); }

}  // namespace capeai
