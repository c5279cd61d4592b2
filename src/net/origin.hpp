// What is known of one server (scheme, host, port, proxy), and the transfers
// that wait for its name. Private to net/.
//
// Why they wait: libcurl starts a thread for every name lookup that its cache
// cannot answer, so a thousand requests at once would start a thousand threads
// for one name. The first goes ahead as the probe; the others follow as soon as
// a socket was opened for it, when the answer is in the cache.
#pragma once

#include <cstdint>
#include <deque>

#include "base/time.hpp"
#include "net/url.hpp"

namespace capeai::net {

// How long curl's cache keeps an address. New connections wait for a probe
// again a little earlier, so that they never meet an entry just expired.
inline constexpr std::chrono::seconds kNameCacheTime{60};
inline constexpr std::chrono::seconds kNameTrustTime{55};

struct Origin {
  Url url;           // path unused
  std::string peer;  // host that sockets are opened to: the proxy's, if there is one
  bool peer_literal = false;
  int http_version = 0;  // last seen: 10, 11, 20; 0 = not yet
  bool resolved = false;
  MonoTime resolved_at{};
  uint64_t probe = 0;  // transfer that looks the name up, or 0
  std::deque<uint64_t> waiting;
  size_t users = 0;  // transfers that point here

  bool NameKnown(MonoTime now) const {
    return peer_literal || (resolved && now - resolved_at < kNameTrustTime);
  }
};

}  // namespace capeai::net
