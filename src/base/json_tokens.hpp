// A JSON document as a flat sequence of tokens: how it goes from those who hold
// trees (openai/) to PostgreSQL's jsonb (pg/), of which neither knows the other, and
// from one process to another. Unlike JSON text nothing is escaped, printed or
// parsed on the way.
//
// A token is one byte, for some followed by their data: integers by 8 bytes in
// this machine's order; strings, keys and reals (as text) by a 4-byte length and
// their bytes. A key stands before each member's value. Never stored.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace capeai {

// Such a sequence as a parameter of a statement; must outlive it.
struct JsonTokens {
  std::string_view bytes;
};

enum class JsonToken : char {
  kNull = 'n',
  kFalse = 'f',
  kTrue = 't',
  kInt = 'i',
  kReal = 'r',
  kString = 's',
  kKey = 'k',
  kBeginObject = '{',
  kEndObject = '}',
  kBeginArray = '[',
  kEndArray = ']',
};

inline constexpr std::string_view kEmptyObject = "{}";  // as tokens, and as text

// Appends to `out`, which is somebody else's, so that a longjmp may leave it.
class JsonTokenWriter {
 public:
  explicit JsonTokenWriter(std::string& out) : out_(out) {}
  void Add(JsonToken token) { out_ += static_cast<char>(token); }
  void AddInt(int64_t value) {
    Add(JsonToken::kInt);
    AddRaw(value);
  }
  // Of kString, kKey and kReal.
  void AddText(JsonToken token, std::string_view text) {
    Add(token);
    AddRaw(static_cast<uint32_t>(text.size()));
    out_ += text;
  }

 private:
  template <class T>
  void AddRaw(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out_.append(raw, sizeof raw);
  }

  std::string& out_;
};

// Reads what a JsonTokenWriter has written. Owns nothing, so that a longjmp may
// leave it.
class JsonTokenReader {
 public:
  explicit JsonTokenReader(JsonTokens tokens) : rest_(tokens.bytes) {}

  bool AtEnd() const { return rest_.empty(); }
  // A token's data was not whole; nothing more comes.
  bool cut() const { return cut_; }
  // The next token, if not AtEnd(); its data is in integer() or text().
  JsonToken Next() {
    const auto token = static_cast<JsonToken>(rest_.front());
    rest_.remove_prefix(1);
    if (token == JsonToken::kInt) integer_ = TakeRaw<int64_t>();
    if (token == JsonToken::kString || token == JsonToken::kKey || token == JsonToken::kReal)
      text_ = Take(TakeRaw<uint32_t>());
    return token;
  }
  int64_t integer() const { return integer_; }
  std::string_view text() const { return text_; }

 private:
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    cut_ |= taken.size() < size;
    return taken;
  }
  template <class T>
  T TakeRaw() {
    T value{};
    const std::string_view raw = Take(sizeof value);
    if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  std::string_view rest_;
  int64_t integer_ = 0;
  std::string_view text_;
  bool cut_ = false;
};

}  // namespace capeai
