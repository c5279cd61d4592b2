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

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "net/address.hpp"
#include "net/url.hpp"

namespace capeai::net {

// The rules of one configuration. Immutable.
class EgressPolicy {
 public:
  // Public addresses are always allowed. Beyond them:
  // `base_url` (empty: the built-in one, which needs no grant) and `proxy`
  //   (empty: none), http or https URLs, each grant their own literal address
  //   and port, or loopback if their host is `localhost`, to their own host.
  // `allowed_hosts`: entries separated by commas or white space, each one of
  //   name, name:port, *.suffix, *.suffix:port   that host may be at a private address
  //   address, address:port, [v6], [v6]:port     exactly that address
  //   address/bits                               the range
  // Link-local, metadata, multicast and reserved addresses are never granted to
  // a name. Error 22023 names the entry that cannot be read.
  static Result<EgressPolicy> Create(std::string_view base_url, std::string_view allowed_hosts,
                                     std::string_view proxy = {});

  // May a connection for `host` (as Url::host) go to `address`? On refusal
  // `*reason`, which may be null, says why: "10.0.0.1 (private)".
  bool Allows(std::string_view host, const sockaddr* address, std::string* reason) const;
  bool Allows(std::string_view host, const IpAddress& ip, uint16_t port, std::string* reason) const;

  bool operator==(const EgressPolicy&) const = default;

 private:
  struct Grant {
    std::string host;   // for that host only; ".example.org": for its subdomains; empty: any
    uint16_t port = 0;  // 0: any
    int bits = -1;      // of `range`, in the 128-bit form; -1: any address that is not forbidden
    IpAddress range;

    bool operator==(const Grant&) const = default;
  };
  Status AddEntry(std::string_view entry);
  Status AddUrl(std::string_view text);
  void AddLoopback(const std::string& host, uint16_t port);

  std::vector<Grant> grants_;
};

}  // namespace capeai::net
