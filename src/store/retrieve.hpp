// Retrieval as an agent's manifest asks for it, for the ask family in a backend
// and for queued tasks in the helper.
#pragma once

#include <vector>

#include "base/search.hpp"

namespace capeai::store {

// Passages for `request`: each document's best, and of the first documents also the one
// whose heading asks the question; at most max_results.
// A collection is searched as the extension's owner (every capeai_user may search
// every collection); a function runs as `owner`, security-restricted, with EXECUTE
// checked now, and is refused for superusers. Raises what the search raises.
std::vector<Passage> Retrieve(unsigned owner, const SearchRequest& request);

}  // namespace capeai::store
