// Secrets in files that only the server's user can read: the API key, and the key
// of the audit trail's seals.
#pragma once

#include <string>

#include "base/error.hpp"

namespace capeai::pg {

// What the file holds, without trailing white space: a regular file, mode 0600 or
// 0400, that belongs to the server's user, at most 4 kB and not empty; opened
// without waiting, so that a FIFO cannot hold up anybody. `setting` names it in
// the error (55000).
Result<std::string> ReadKeyFile(const char* setting, const std::string& path);

}  // namespace capeai::pg
