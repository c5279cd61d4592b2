// PostgreSQL's jsonb out of base/json_tokens.hpp, and back. Private to pg/; included after
// pg/postgres.hpp.
#pragma once

#include <string>

#include "base/json_tokens.hpp"

namespace capeai::pg {

// The document as a Datum in the current memory context, its texts in the
// database encoding. Runs inside Guarded(); raises what jsonb's own input would
// raise: of a text that cannot be stored, of a document that is too large.
Datum JsonbUnsafe(JsonTokens tokens);

// Appends the document to `tokens`, its texts in UTF-8. Runs inside Guarded().
void TokensUnsafe(Datum jsonb, std::string& tokens);

// In a database that is not UTF-8: the same document with every text converted.
std::string ToDatabase(JsonTokens tokens);

}  // namespace capeai::pg
