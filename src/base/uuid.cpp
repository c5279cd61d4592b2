#include "base/uuid.hpp"

namespace capeai {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Two digits for each byte; returns the end of what it wrote.
char* WriteHex(char* to, const uint8_t* from, const uint8_t* end) {
  for (; from != end; ++from) {
    *to++ = kHex[*from >> 4];
    *to++ = kHex[*from & 15];
  }
  return to;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Uuid::ToHex() const {
  std::string out(32, '0');
  WriteHex(out.data(), bytes.data(), bytes.data() + bytes.size());
  return out;
}

std::string Uuid::ToString() const {
  std::string out(36, '-');
  char* to = out.data();
  const uint8_t* from = bytes.data();
  for (const int group : {4, 2, 2, 2, 6}) {
    to = WriteHex(to, from, from + group) + 1;
    from += group;
  }
  return out;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  Uuid id;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' && text.size() == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
    const int v = HexValue(text[i]);
    if (v < 0 || digits >= 32) return std::nullopt;
    id.bytes[digits / 2] = static_cast<uint8_t>(id.bytes[digits / 2] << 4 | v);
    ++digits;
  }
  if (digits != 32) return std::nullopt;
  return id;
}

Uuid Uuid::V7(WallTime now, const std::array<uint8_t, 8>& random) {
  const int64_t micros = now.time_since_epoch().count();
  const uint64_t millis = static_cast<uint64_t>(micros / 1000);
  // RFC 9562, method 3 of section 6.2: the fraction of the millisecond, scaled to 12 bits.
  const auto fraction = static_cast<uint32_t>(micros % 1000 * 4096 / 1000);
  Uuid id;
  for (size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(millis >> (40 - 8 * i));
  id.bytes[6] = static_cast<uint8_t>(0x70 | fraction >> 8);
  id.bytes[7] = static_cast<uint8_t>(fraction);
  for (size_t i = 0; i < 8; ++i) id.bytes[8 + i] = random[i];
  id.bytes[8] = static_cast<uint8_t>(0x80 | (id.bytes[8] & 0x3F));
  return id;
}

}  // namespace capeai
