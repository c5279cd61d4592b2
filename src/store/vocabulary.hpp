// The words of an index, looked through for the one that was meant.
#pragma once

#include <string>

namespace capeai::store {

// The indexed term of `collection` nearest to `word`, which is not indexed;
// empty if none is near. Reads with the caller's snapshot.
std::string NearestIndexedTerm(int collection, const std::string& word);

}  // namespace capeai::store
