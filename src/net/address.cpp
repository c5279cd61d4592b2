#include "net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace capeai::net {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// One registry entry; the first that matches decides, so exceptions come first.
struct Range {
  std::array<uint8_t, 16> prefix;
  int bits;
  AddressClass kind;
  const char* name;
};

constexpr Range V4(int a, int b, int c, int d, int bits, AddressClass kind, const char* name) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, static_cast<uint8_t>(a), static_cast<uint8_t>(b),
           static_cast<uint8_t>(c), static_cast<uint8_t>(d)},
          96 + bits,
          kind,
          name};
}

// The first four and the last of the eight groups; the others are zero.
constexpr Range V6(int g0, int g1, int g2, int g3, int g7, int bits, AddressClass kind, const char* name) {
  return {{static_cast<uint8_t>(g0 >> 8), static_cast<uint8_t>(g0), static_cast<uint8_t>(g1 >> 8),
           static_cast<uint8_t>(g1), static_cast<uint8_t>(g2 >> 8), static_cast<uint8_t>(g2),
           static_cast<uint8_t>(g3 >> 8), static_cast<uint8_t>(g3), 0, 0, 0, 0, 0, 0,
           static_cast<uint8_t>(g7 >> 8), static_cast<uint8_t>(g7)},
          bits,
          kind,
          name};
}

constexpr auto kPriv = AddressClass::kPrivate;
constexpr auto kForb = AddressClass::kForbidden;

constexpr Range kV4Ranges[] = {
    V4(169, 254, 169, 254, 32, kForb, "cloud metadata"),
    V4(100, 100, 100, 200, 32, kForb, "cloud metadata"),  // Alibaba
    V4(168, 63, 129, 16, 32, kForb, "cloud metadata"),    // Azure
    V4(192, 0, 0, 192, 32, kForb, "cloud metadata"),      // Oracle
    V4(0, 0, 0, 0, 8, kForb, "unspecified"),
    V4(10, 0, 0, 0, 8, kPriv, "private"),
    V4(100, 64, 0, 0, 10, kPriv, "shared (carrier-grade NAT)"),
    V4(127, 0, 0, 0, 8, kPriv, "loopback"),
    V4(169, 254, 0, 0, 16, kForb, "link-local"),
    V4(172, 16, 0, 0, 12, kPriv, "private"),
    V4(192, 0, 0, 0, 24, kForb, "IETF protocol assignments"),
    V4(192, 0, 2, 0, 24, kPriv, "documentation"),
    V4(192, 31, 196, 0, 24, kForb, "AS112"),
    V4(192, 52, 193, 0, 24, kForb, "AMT"),
    V4(192, 88, 99, 0, 24, kForb, "6to4 relay"),
    V4(192, 168, 0, 0, 16, kPriv, "private"),
    V4(192, 175, 48, 0, 24, kForb, "AS112"),
    V4(198, 18, 0, 0, 15, kPriv, "benchmarking"),
    V4(198, 51, 100, 0, 24, kPriv, "documentation"),
    V4(203, 0, 113, 0, 24, kPriv, "documentation"),
    V4(224, 0, 0, 0, 4, kForb, "multicast"),
    V4(240, 0, 0, 0, 4, kForb, "reserved"),
};

constexpr Range kV6Ranges[] = {
    V6(0, 0, 0, 0, 0, 128, kForb, "unspecified"),
    V6(0, 0, 0, 0, 1, 128, kPriv, "loopback"),
    V6(0, 0, 0, 0, 0, 96, kForb, "IPv4-compatible"),
    V6(0x64, 0xff9b, 1, 0, 0, 48, kForb, "local-use NAT64"),
    V6(0x100, 0, 0, 0, 0, 64, kForb, "discard-only"),
    V6(0x100, 0, 0, 1, 0, 64, kForb, "dummy prefix"),
    V6(0x2001, 0, 0, 0, 0, 32, kForb, "Teredo"),
    V6(0x2001, 2, 0, 0, 0, 48, kPriv, "benchmarking"),
    V6(0x2001, 0xdb8, 0, 0, 0, 32, kPriv, "documentation"),
    V6(0x2001, 0, 0, 0, 0, 23, kForb, "IETF protocol assignments"),
    V6(0x2002, 0, 0, 0, 0, 16, kForb, "6to4"),
    V6(0x2620, 0x4f, 0x8000, 0, 0, 48, kForb, "AS112"),
    V6(0x3fff, 0, 0, 0, 0, 20, kPriv, "documentation"),
    V6(0x5f00, 0, 0, 0, 0, 16, kForb, "segment routing"),
    V6(0xfd00, 0xec2, 0, 0, 0x254, 128, kForb, "cloud metadata"),  // AWS
    V6(0xfd20, 0xce, 0, 0, 0x254, 128, kForb, "cloud metadata"),   // Google
    V6(0xfc00, 0, 0, 0, 0, 7, kPriv, "unique local"),
    V6(0xfe80, 0, 0, 0, 0, 10, kForb, "link-local"),
    V6(0xfec0, 0, 0, 0, 0, 10, kForb, "site-local"),
    V6(0xff00, 0, 0, 0, 0, 8, kForb, "multicast"),
};

bool HasPrefix(const std::array<uint8_t, 16>& bytes, const std::array<uint8_t, 16>& prefix, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(bytes.data(), prefix.data(), static_cast<size_t>(whole)) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest) & 0xff;
  const auto at = static_cast<size_t>(whole);
  return (bytes[at] & mask) == (prefix[at] & mask);
}

IpAddress MapV4(const uint8_t* four) {
  IpAddress ip;
  std::memcpy(ip.bytes.data(), kMappedPrefix.data(), 12);
  std::memcpy(ip.bytes.data() + 12, four, 4);
  return ip;
}

// The IPv4 address at the end of a translated, NAT64 or ISATAP address.
bool CarriedV4(const IpAddress& ip, IpAddress* carried) {
  static constexpr std::array<uint8_t, 12> kTranslated = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
  static constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint8_t* b = ip.bytes.data();
  const bool isatap = (b[8] & 0xfd) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe;
  if (!isatap && std::memcmp(b, kTranslated.data(), 12) != 0 && std::memcmp(b, kNat64.data(), 12) != 0) {
    return false;
  }
  *carried = MapV4(b + 12);
  return true;
}

}  // namespace

bool IpAddress::is_v4() const { return std::memcmp(bytes.data(), kMappedPrefix.data(), 12) == 0; }

bool IpAddress::FromSockaddr(const sockaddr* address, IpAddress* ip, uint16_t* port) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    *ip = MapV4(reinterpret_cast<const uint8_t*>(&in.sin_addr));
    *port = ntohs(in.sin_port);
    return true;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof in6);
    std::memcpy(ip->bytes.data(), &in6.sin6_addr, 16);
    *port = ntohs(in6.sin6_port);
    return true;
  }
  return false;
}

bool IpAddress::Parse(std::string_view text, IpAddress* ip) {
  const std::string zero_ended(text);
  if (zero_ended.find('\0') != std::string::npos) return false;
  uint8_t four[4];
  if (inet_pton(AF_INET, zero_ended.c_str(), four) == 1) {
    *ip = MapV4(four);
    return true;
  }
  return inet_pton(AF_INET6, zero_ended.c_str(), ip->bytes.data()) == 1;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

bool IpAddress::InRange(const IpAddress& range, int bits) const {
  return is_v4() == range.is_v4() && HasPrefix(bytes, range.bytes, bits);
}

AddressVerdict Classify(const IpAddress& ip) {
  if (ip.is_v4()) {
    for (const Range& range : kV4Ranges) {
      if (HasPrefix(ip.bytes, range.prefix, range.bits)) return {range.kind, range.name};
    }
    return {};
  }
  for (const Range& range : kV6Ranges) {
    if (HasPrefix(ip.bytes, range.prefix, range.bits)) return {range.kind, range.name};
  }
  IpAddress carried;
  if (CarriedV4(ip, &carried)) return Classify(carried);
  if ((ip.bytes[0] & 0xe0) != 0x20) return {AddressClass::kForbidden, "reserved"};
  return {};
}

}  // namespace capeai::net
