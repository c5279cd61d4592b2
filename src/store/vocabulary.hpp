// The words of a collection, looked through for the one that was meant.
#pragma once

#include <string>

namespace capeai::store {

// The term of `collection` nearest to `word`, which is none; empty if none is
// near. Without an index, all passages are read. Reads with the caller's snapshot.
std::string NearestTermOf(int collection, bool indexed, const std::string& word);

}  // namespace capeai::store
