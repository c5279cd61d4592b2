// The words of a collection, looked through for the one that was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capeai::store {

// The term of `collection` nearest to `word`, which is none; empty if none is
// near. `passages`: packed term vectors of those that are in no segment, which is all
// of them without an index. Reads with the caller's snapshot.
std::string NearestTermOf(int collection, bool indexed, const std::string& word,
                          const std::vector<std::string_view>& passages);

}  // namespace capeai::store
