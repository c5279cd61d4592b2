// JSON reading and writing of the mock server: see json.hpp.
#include "json.hpp"

#include <cstdio>

namespace mock {

JsonPtr ParseJsonPrefix(std::string_view text) {
  const char* end = nullptr;
  return JsonPtr(cJSON_ParseWithLengthOpts(text.data(), text.size(), &end, 0));
}

JsonPtr ParseJson(std::string_view text) {
  if (!ValidUtf8(text)) return nullptr;
  const char* end = nullptr;
  JsonPtr value(cJSON_ParseWithLengthOpts(text.data(), text.size(), &end, 0));
  if (!value) return nullptr;
  const auto used = static_cast<size_t>(end - text.data());
  if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) return nullptr;
  return value;
}

std::string PrintJson(const cJSON* value) {
  char* text = cJSON_PrintUnformatted(value);
  if (!text) return "null";
  std::string out(text);
  cJSON_free(text);
  return out;
}

namespace {

// Length of the UTF-8 sequence that `p` begins with (RFC 3629), 0 if invalid.
size_t SequenceLength(const unsigned char* p, size_t left) {
  if (p[0] < 0x80) return 1;
  auto tail = [&](size_t i) { return i < left && (p[i] & 0xC0) == 0x80; };
  if (p[0] >= 0xC2 && p[0] <= 0xDF) return tail(1) ? 2 : 0;
  if (p[0] >= 0xE0 && p[0] <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    if (p[0] == 0xED && p[1] > 0x9F) return 0;
    return 3;
  }
  if (p[0] >= 0xF0 && p[0] <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool ValidUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    const size_t n = SequenceLength(p + at, text.size() - at);
    if (n == 0) return false;
    at += n;
  }
  return true;
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  size_t plain = 0;  // start of the run that needs no escape
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    }
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

std::string Quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  AppendQuoted(out, text);
  return out;
}

std::string_view CutUtf8(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace mock
