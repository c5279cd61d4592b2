#include "openai/json_cursor.hpp"

#include <charconv>

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

}  // namespace

void JsonCursor::SkipBlanks() {
  while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
}

bool JsonCursor::Eat(char c) {
  SkipBlanks();
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

bool JsonCursor::AtEnd() {
  SkipBlanks();
  return rest_.empty();
}

bool JsonCursor::Zero() {
  SkipBlanks();
  std::string_view digits;
  return Integer(digits) && digits == "0";
}

bool JsonCursor::Count(int64_t& out) {
  SkipBlanks();
  if (rest_.starts_with('-')) return false;
  std::string_view digits;
  return Integer(digits) && std::from_chars(digits.begin(), digits.end(), out).ec == std::errc();
}

bool JsonCursor::Nothing() { return Null() || (Eat('[') && Eat(']')); }

bool JsonCursor::Scalar() {
  SkipBlanks();
  if (rest_.empty()) return false;
  std::string_view ignored;
  if (rest_.front() == '"') return String(ignored);
  if (rest_.front() == '-' || IsDigit(rest_.front())) return Integer(ignored);
  return Word("null") || Word("true") || Word("false");
}

bool JsonCursor::String(std::string_view& out) {
  if (!Eat('"')) return false;
  const size_t length = PlainLength();
  out = rest_.substr(0, length);
  rest_.remove_prefix(length);
  if (rest_.empty() || rest_.front() != '"') return false;
  rest_.remove_prefix(1);
  return true;
}

bool JsonCursor::Text(std::string& out) {
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

// Bytes up to a quote, a backslash or a control character.
size_t JsonCursor::PlainLength() const {
  size_t i = 0;
  while (i < rest_.size() && rest_[i] != '"' && rest_[i] != '\\' &&
         static_cast<unsigned char>(rest_[i]) >= ' ')
    ++i;
  return i;
}

bool JsonCursor::Escape(std::string& out) {
  if (rest_.size() < 2) return false;
  if (rest_[1] == 'u') return UnicodeEscape(out);
  const char c = Unescape(rest_[1]);
  if (c == 0) return false;
  out.push_back(c);
  rest_.remove_prefix(2);
  return true;
}

// Of one unit: halves of pairs and U+0000 are for those who can repair them.
bool JsonCursor::UnicodeEscape(std::string& out) {
  if (rest_.size() < 6) return false;
  uint32_t unit = 0;
  const char* end = rest_.data() + 6;
  const auto [read, error] = std::from_chars(rest_.data() + 2, end, unit, 16);
  if (error != std::errc() || read != end || unit == 0 || (unit >= 0xD800 && unit <= 0xDFFF)) return false;
  utf8::Append(out, unit);
  rest_.remove_prefix(6);
  return true;
}

bool JsonCursor::Integer(std::string_view& digits) {
  constexpr size_t kMostDigits = 18;  // fits an int64_t
  if (!rest_.empty() && rest_.front() == '-') rest_.remove_prefix(1);
  size_t n = 0;
  while (n < rest_.size() && IsDigit(rest_[n])) ++n;
  digits = rest_.substr(0, n);
  rest_.remove_prefix(n);
  const bool more = !rest_.empty() && (rest_.front() == '.' || rest_.front() == 'e' || rest_.front() == 'E');
  return n > 0 && n <= kMostDigits && (n == 1 || digits.front() != '0') && !more;
}

bool JsonCursor::Word(std::string_view word) {
  SkipBlanks();
  if (!rest_.starts_with(word)) return false;
  rest_.remove_prefix(word.size());
  return true;
}

}  // namespace capeai
