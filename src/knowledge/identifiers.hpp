// Compound identifiers of program text: HttpServer, os.path.join, a/b/c.conf.
// A text search parser keeps them whole, so that a question about "the http
// server" misses them; their parts are indexed beside them.
#pragma once

#include <string>
#include <string_view>

namespace capeai::knowledge {

// The parts of all compound identifiers in `text`, in order, each followed by a
// space; "" if there is none. Words are split at '.' and '/' between letters or
// digits, and at changes of case (runTarget, HTTPServer). Underscores, colons and
// hyphens are left to the parser, which splits there itself. Parts have at least
// two bytes, one of them a letter's. Linear time.
std::string IdentifierParts(std::string_view text);

}  // namespace capeai::knowledge
