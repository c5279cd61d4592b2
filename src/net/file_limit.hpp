// Every connection is an open file.
#pragma once

#include <cstddef>

namespace capeai::net {

// Raises this process's limit of open files to the hard limit and returns the
// limit in force (at most a million, where there is none).
size_t RaiseFileLimit();

}  // namespace capeai::net
