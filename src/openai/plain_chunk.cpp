#include "openai/plain_chunk.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include "base/utf8.hpp"

namespace capeai {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The character that \c stands for, or 0.
char Unescape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
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
      return 0;
  }
}

// Reads JSON from front to back. Every method returns false where the text is
// anything but the simple form of what it reads; then the rest means nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool Eat(char c) {
    SkipBlanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool AtEnd() {
    SkipBlanks();
    return rest_.empty();
  }

  bool Null() { return Word("null"); }

  // Calls `member(name)`, which reads the value, for each member.
  template <typename Member>
  bool Object(Member member) {
    if (!Eat('{')) return false;
    if (Eat('}')) return true;
    std::string_view name;
    do {
      if (!String(name) || !Eat(':') || !member(name)) return false;
    } while (Eat(','));
    return Eat('}');
  }

  // A string without escapes; the view is into the text.
  bool String(std::string_view& out) {
    if (!Eat('"')) return false;
    const size_t length = PlainLength();
    out = rest_.substr(0, length);
    rest_.remove_prefix(length);
    if (rest_.empty() || rest_.front() != '"') return false;
    rest_.remove_prefix(1);
    return true;
  }

  // A string, decoded and appended.
  bool Text(std::string& out) {
    if (!Eat('"')) return false;
    while (true) {
      const size_t length = PlainLength();
      out.append(rest_.substr(0, length));
      rest_.remove_prefix(length);
      if (rest_.empty() || static_cast<unsigned char>(rest_.front()) < ' ') return false;
      if (rest_.front() == '"') break;
      if (!Escape(out)) return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  // Any value but an object, an array, a fraction or a huge number.
  bool Scalar() {
    SkipBlanks();
    if (rest_.empty()) return false;
    std::string_view ignored;
    if (rest_.front() == '"') return String(ignored);
    if (rest_.front() == '-' || IsDigit(rest_.front())) return Integer(ignored);
    return Word("null") || Word("true") || Word("false");
  }

  bool Zero() {
    SkipBlanks();
    std::string_view digits;
    return Integer(digits) && digits == "0";
  }

 private:
  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }

  // Bytes up to a quote, a backslash or a control character.
  size_t PlainLength() const {
    size_t i = 0;
    while (i < rest_.size() && rest_[i] != '"' && rest_[i] != '\\' &&
           static_cast<unsigned char>(rest_[i]) >= ' ')
      ++i;
    return i;
  }

  bool Escape(std::string& out) {
    if (rest_.size() < 2) return false;
    if (rest_[1] == 'u') return UnicodeEscape(out);
    const char c = Unescape(rest_[1]);
    if (c == 0) return false;
    out.push_back(c);
    rest_.remove_prefix(2);
    return true;
  }

  // Of one unit: halves of pairs and U+0000 are for those who can repair them.
  bool UnicodeEscape(std::string& out) {
    if (rest_.size() < 6) return false;
    uint32_t unit = 0;
    const char* end = rest_.data() + 6;
    const auto [read, error] = std::from_chars(rest_.data() + 2, end, unit, 16);
    if (error != std::errc() || read != end || unit == 0 || (unit >= 0xD800 && unit <= 0xDFFF)) return false;
    utf8::Append(out, unit);
    rest_.remove_prefix(6);
    return true;
  }

  bool Integer(std::string_view& digits) {
    constexpr size_t kMostDigits = 18;  // fits an int64_t
    if (!rest_.empty() && rest_.front() == '-') rest_.remove_prefix(1);
    size_t n = 0;
    while (n < rest_.size() && IsDigit(rest_[n])) ++n;
    digits = rest_.substr(0, n);
    rest_.remove_prefix(n);
    const bool more =
        !rest_.empty() && (rest_.front() == '.' || rest_.front() == 'e' || rest_.front() == 'E');
    return n > 0 && n <= kMostDigits && (n == 1 || digits.front() != '0') && !more;
  }

  bool Word(std::string_view word) {
    SkipBlanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string_view rest_;
};

// Of a doubled member the last would count: none that is read may come twice.
bool Once(bool& seen) { return !std::exchange(seen, true); }

bool ReadDelta(Cursor& cursor, std::string& text) {
  bool content = false;
  return cursor.Object([&](std::string_view name) {
    if (name == "role") return cursor.Scalar();
    if (name != "content") return cursor.Null();
    return Once(content) && (cursor.Null() || cursor.Text(text));
  });
}

bool ReadChoice(Cursor& cursor, std::string& text) {
  bool delta = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "delta") return Once(delta) && ReadDelta(cursor, text);
    return name == "index" ? cursor.Zero() : cursor.Null();
  });
  return whole && delta;
}

bool ReadChunk(Cursor& cursor, std::string& text) {
  bool choices = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "choices")
      return Once(choices) && cursor.Eat('[') && ReadChoice(cursor, text) && cursor.Eat(']');
    if (name == "usage" || name == "x_groq" || name == "error") return cursor.Null();
    std::string_view kind;
    if (name == "object") return cursor.String(kind) && kind != "error";
    return cursor.Scalar();
  });
  return whole && choices && cursor.AtEnd();
}

}  // namespace

bool AppendPlainChunk(std::string_view data, std::string& text) {
  if (!utf8::Valid(data)) return false;
  const size_t before = text.size();
  Cursor cursor(data);
  if (ReadChunk(cursor, text)) return true;
  text.resize(before);
  return false;
}

}  // namespace capeai
