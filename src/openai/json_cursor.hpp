// Reads JSON where it lies, from front to back, as long as it is simple: for the
// replies that come by the thousand, of which no document is built.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace capeai {

// Every method skips blanks and returns false where the text is anything but the
// simple form of what it reads; then the rest means nothing, and the text is to be
// read in full (ParseWire). The text must be valid UTF-8.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : rest_(text) {}

  bool Eat(char c);
  bool AtEnd();
  bool Null() { return Word("null"); }
  bool Zero();
  // 0 or more.
  bool Count(int64_t& out);
  // null or an array without elements.
  bool Nothing();
  // Any value but an object, an array, a fraction or a huge number.
  bool Scalar();
  // A string without escapes; the view is into the text.
  bool String(std::string_view& out);
  // A string, decoded and appended.
  bool Text(std::string& out);

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

  // Of a doubled member the last would count: none that is read may come twice.
  static bool Once(bool& seen) { return !std::exchange(seen, true); }

 private:
  void SkipBlanks();
  size_t PlainLength() const;
  bool Escape(std::string& out);
  bool UnicodeEscape(std::string& out);
  bool Integer(std::string_view& digits);
  bool Word(std::string_view word);

  std::string_view rest_;
};

}  // namespace capeai
