// Removes secrets from text that is stored, logged or shown: providers echo
// keys, whole or in pieces, in their error messages.
#pragma once

#include <string>
#include <string_view>

namespace capeai {

// `text` with "[redacted]" in place of: `key` (may be empty) and every run of 8
// or more of its characters; its start or end of 4 or more where it touches a
// mask (*** or ...); words with a known key prefix (sk-, gsk_, xai-, ...);
// what follows "Bearer " or "api_key=" and the like; masked words (***); long
// words that mix letters and digits as keys do. Rather too much than too little.
std::string Redact(std::string_view text, std::string_view key = {});

}  // namespace capeai
