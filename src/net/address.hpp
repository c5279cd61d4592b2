// IP addresses and what the IANA special-purpose registries say of them.
// Must not know: URLs, sockets' life, configuration.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace capeai::net {

// An IP address. IPv4 is kept in its IPv4-mapped form, so that both forms of
// one address are equal.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  bool operator==(const IpAddress&) const = default;
  bool is_v4() const;
  // From AF_INET or AF_INET6; anything else gives false and changes nothing.
  static bool FromSockaddr(const sockaddr* address, IpAddress* ip, uint16_t* port);
  // Dotted quad or RFC 4291 text (no brackets, no zone); strict, as inet_pton.
  static bool Parse(std::string_view text, IpAddress* ip);
  std::string ToString() const;
  // Is it among the addresses that share the first `bits` (0..128, counted in
  // the 128-bit form) with `range`, in the same family?
  bool InRange(const IpAddress& range, int bits) const;
};

// What may be done with an address that no configuration names.
enum class AddressClass {
  kPublic,     // globally reachable: anyone may go there
  kPrivate,    // loopback, private, shared, unique local, test networks: a named host may be there
  kForbidden,  // unspecified, link-local, metadata, multicast, reserved: only its own literal or range
};

struct AddressVerdict {
  AddressClass kind = AddressClass::kPublic;
  const char* name = "public";  // the registry's entry that decided, e.g. "loopback"
};

// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890),
// IPv6 Address Space registry (only 2000::/3 is global unicast), multicast
// registries, and the metadata addresses of the large clouds. Forms of IPv6
// that carry an IPv4 address (mapped, translated, NAT64, ISATAP) are judged by
// the address they carry; the ones that nobody should meet today (compatible,
// 6to4, Teredo) are forbidden as a whole.
AddressVerdict Classify(const IpAddress& ip);

}  // namespace capeai::net
