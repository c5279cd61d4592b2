// Words of a text as a text search configuration sees them: what to_tsvector
// indexes, but in reading order and with every repetition.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/sql.hpp"

namespace capeai::pg {

// `text` is UTF-8, and so is the result. Words of more than 2,000 bytes are cut
// into several, where to_tsvector would leave them out with a NOTICE.
std::vector<std::string> Lexemes(Oid config, std::string_view text);

}  // namespace capeai::pg
