// UUIDs: version 7 (RFC 9562, section 5.7), made from a time and random bits
// that the caller brings.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace capeai {

struct Uuid {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;

  bool nil() const { return *this == Uuid{}; }
  // xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
  std::string ToString() const;
  // 32 hex digits, as in channel names.
  std::string ToHex() const;
  // Accepts both forms above, either case.
  static std::optional<Uuid> Parse(std::string_view text);

  // 48 bits of milliseconds, 12 bits of sub-millisecond fraction (so that ids
  // made in sequence sort), 62 random bits taken from `random`.
  static Uuid V7(WallTime now, const std::array<uint8_t, 8>& random);
};

}  // namespace capeai

template <>
struct std::hash<capeai::Uuid> {
  size_t operator()(const capeai::Uuid& id) const noexcept {
    // The last eight bytes are random in every UUID that we make.
    uint64_t h = 0;
    for (size_t i = 8; i < 16; ++i) h = h << 8 | id.bytes[i];
    for (size_t i = 0; i < 8; ++i) h ^= static_cast<uint64_t>(id.bytes[i]) << (8 * i);
    return static_cast<size_t>(h);
  }
};
