// What the transfers of a client have brought that their sinks have not heard of,
// and how much memory all responses under way take. Private to net/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace capeai::net {

struct Arrivals {
  std::vector<uint64_t> news;  // transfers with something for OnNews, each once
  size_t unheard = 0;          // bytes of bodies since then
  std::vector<uint64_t> held;  // transfers that were told to wait

  size_t under_way = 0;    // bytes of the bodies of all transfers that are not done
  size_t most = 0;         // beyond that, they wait for each other
  uint64_t favourite = 0;  // one goes on all the same, so that something ends; 0: nobody needed to

  // May a transfer take more in? The first that finds the limit passed is the
  // one that goes on.
  bool MayGrow(uint64_t id) {
    if (under_way < most) return true;
    if (favourite == 0) favourite = id;
    return favourite == id;
  }
  // A transfer has gone, and with it what it had brought.
  void Forget(uint64_t id, size_t bytes) {
    under_way -= bytes;
    if (favourite == id) favourite = 0;
  }
};

}  // namespace capeai::net
