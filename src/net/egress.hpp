// Where the server may connect to. A database server stands inside the firewall:
// whoever can make it fetch a URL must not reach what only it can reach
// (metadata services, loopback, the private network). The rules judge the socket
// address that is connected to, so a name that changes its address between
// check and use (DNS rebinding) and odd spellings (0x7f.1, 2130706433) change
// nothing.
//
// It must not know: curl, PostgreSQL, name resolution.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace capeai::net {

// An IP address. IPv4 is kept in its IPv4-mapped form, so that both forms of
// one address are equal.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  bool operator==(const IpAddress&) const = default;
  bool is_v4() const;
  // From AF_INET or AF_INET6; anything else gives false.
  static bool FromSockaddr(const sockaddr* address, IpAddress* ip, uint16_t* port);
  // Dotted quad or RFC 4291 text (no brackets, no zone); strict, as inet_pton.
  static bool Parse(std::string_view text, IpAddress* ip);
  std::string ToString() const;
};

// What the IANA special-purpose registries say of an address. Forms of IPv6
// that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP)
// are judged by the address that they carry, too.
enum class AddressClass {
  kPublic,      // globally reachable
  kPrivate,     // loopback, private, shared, unique local, test networks: may be granted to a name
  kForbidden,   // unspecified, link-local, metadata, multicast, reserved: only by its own literal or range
};
AddressClass Classify(const IpAddress& ip);
// The registry's entry that decided, e.g. "loopback"; "public" otherwise.
std::string_view AddressRangeName(const IpAddress& ip);

// An http or https URL, taken apart.
struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case, no brackets, no final dot
  uint16_t port = 0;   // never 0 in a parsed URL
  std::string path;    // "" or starts with "/"; for a base URL without final "/"
  bool literal = false;  // host is an IP address: `address`
  IpAddress address;

  std::string origin() const;  // "https://host:port"
};

// A base URL: http or https, a host, perhaps a port and a path; no user, no
// query, no fragment, no white space, at most 2,000 bytes. Error 22023.
Result<Url> ParseBaseUrl(std::string_view text);

// A request's URL: as above, but the path may have a query.
Result<Url> ParseUrl(std::string_view text);

// `base` + `path` ("/chat/completions", "chat/completions"), exactly one slash between.
std::string JoinUrl(const Url& base, std::string_view path);

// The rules of one configuration. Immutable.
class EgressPolicy {
 public:
  // `base_url` may be empty (the built-in one, which needs no grant).
  // `allowed_hosts`: entries separated by commas or white space, each one of
  //   name, name:port, *.suffix, *.suffix:port   (grants private addresses)
  //   address, [v6], address:port, [v6]:port     (grants exactly that address)
  //   address/bits                               (grants the range)
  // `proxy` may be empty; its own address is granted as base_url's is.
  // Error 22023 names the entry that cannot be read.
  static Result<EgressPolicy> Create(std::string_view base_url, std::string_view allowed_hosts,
                                     std::string_view proxy = {});

  // May a connection for `host` (as in the URL: lower case) go to `address`?
  // On refusal `*reason` (may be null) says why, e.g. "10.0.0.1 (private)".
  bool Allows(std::string_view host, const sockaddr* address, std::string* reason) const;
  bool Allows(std::string_view host, const IpAddress& ip, uint16_t port, std::string* reason) const;

 private:
  struct Grant {
    enum Kind { kName, kSuffix, kRange } kind = kName;
    std::string name;   // kName: the host; kSuffix: ".example.org"
    IpAddress address;  // kRange
    int bits = 128;     // kRange: of the 128-bit form
    uint16_t port = 0;  // 0 = any
  };
  static Result<Grant> ParseGrant(std::string_view entry);
  static void GrantUrl(const Url& url, std::vector<Grant>* grants);

  std::vector<Grant> grants_;
};

}  // namespace capeai::net
