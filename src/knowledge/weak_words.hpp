// Words that people use to ask, not to say what about: "give", "much", "keep",
// "possible". They are rare in documentation, so that BM25 takes them for telling.
#pragma once

#include <string_view>

namespace capeai::knowledge {

// English, separated by white space; what is a stop word for PostgreSQL's english
// configuration is left out.
extern const std::string_view kWeakWords;

// What such a word of a query counts, beside 1 for others.
inline constexpr double kWeakWordWeight = 0.5;

}  // namespace capeai::knowledge
