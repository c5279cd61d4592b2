#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace capeai::utf8 {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool Continues(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Bytes that a character starting with `lead` needs, or 0 when none starts so.
size_t Expected(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Whether `second` may follow `lead`: rules out overlong forms, surrogates and
// what lies beyond U+10FFFF.
bool SecondFits(unsigned char lead, unsigned char second) {
  if (!Continues(second)) return false;
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

}  // namespace

size_t CharLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const size_t need = Expected(byte(0));
  if (need <= 1) return need;
  if (text.size() - at < need || !SecondFits(byte(0), byte(1))) return 0;
  for (size_t i = 2; i < need; ++i)
    if (!Continues(byte(i))) return 0;
  return need;
}

bool Valid(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    // Most text is ASCII: eight characters at a time.
    if (uint64_t eight; text.size() - i >= sizeof eight) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080U) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const size_t n = CharLength(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

size_t Length(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    const size_t n = CharLength(text, i);
    i += n ? n : 1;
  }
  return count;
}

std::string_view Prefix(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  const std::string_view cut = text.substr(0, max_bytes);
  return cut.substr(0, cut.size() - IncompleteTail(cut));
}

std::string_view PrefixChars(std::string_view text, size_t max_chars) {
  size_t i = 0;
  for (size_t count = 0; i < text.size() && count < max_chars; ++count) {
    const size_t n = CharLength(text, i);
    i += n ? n : 1;
  }
  return text.substr(0, i);
}

size_t IncompleteTail(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t at = text.size() - back;
    const auto lead = static_cast<unsigned char>(text[at]);
    if (Continues(lead)) continue;
    if (Expected(lead) <= back) return 0;
    if (back >= 2 && !SecondFits(lead, static_cast<unsigned char>(text[at + 1]))) return 0;
    return back;
  }
  return 0;
}

Repaired Repair(std::string_view text) {
  if (Valid(text) && text.find('\0') == std::string_view::npos) return {std::string(text)};
  Repaired out;
  out.text.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t n = text[i] == '\0' ? 0 : CharLength(text, i);
    if (n == 0) {
      out.text += kReplacement;
      out.lossy = true;
      ++i;
    } else {
      out.text.append(text, i, n);
      i += n;
    }
  }
  return out;
}

void Append(std::string& out, uint32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
    out += kReplacement;
  } else if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

}  // namespace capeai::utf8
