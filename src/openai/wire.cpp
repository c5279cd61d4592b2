#include "openai/wire.hpp"

#include "base/utf8.hpp"

namespace capeai {
namespace {

Json Load(std::string_view text) {
  json_error_t error;
  return Json::Own(json_loadb(text.data(), text.size(), JSON_DECODE_ANY | JSON_ALLOW_NUL, &error));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The unit of the escape \uXXXX at text[at], or -1.
int UnicodeEscape(std::string_view text, size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool IsHigh(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLow(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// Escapes of half a surrogate pair become \ufffd.
std::string RepairSurrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out.push_back(text[i++]);
      continue;
    }
    const int unit = UnicodeEscape(text, i);
    if (IsHigh(unit) && IsLow(UnicodeEscape(text, i + 6))) {
      out.append(text.substr(i, 12));
      i += 12;
    } else if (IsHigh(unit) || IsLow(unit)) {
      out.append("\\ufffd");
      i += 6;
    } else {
      out.append(text.substr(i, 2));
      i += 2;
    }
  }
  return out;
}

}  // namespace

Json ParseWire(std::string_view text, bool* lossy) {
  if (Json json = Load(text)) return json;
  const utf8::Repaired repaired = utf8::Repair(text);
  const std::string clean = RepairSurrogates(repaired.text);
  if (!repaired.lossy && clean == text) return Json();
  Json json = Load(clean);
  if (json) *lossy = true;
  return json;
}

void AppendText(const Json& value, std::string& out, bool* lossy) {
  if (!value.is_string()) return;
  const std::string_view text(json_string_value(value.get()), json_string_length(value.get()));
  if (text.find('\0') == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.append(utf8::Repair(text).text);
  *lossy = true;
}

std::string ScalarText(const Json& value) {
  if (auto text = value.string()) return *text;
  return value.is_number() ? value.Dump() : std::string();
}

}  // namespace capeai
