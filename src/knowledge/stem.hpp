// Rough stems of English words, for comparing a question with sentences. The
// index uses PostgreSQL's text search instead. Internal to the extractive answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capeai::knowledge {

// Words that say nothing about the subject ("how", "the", "do", "my").
bool IsStopWord(std::string_view lower);

// Lower case without the common endings: "vacuuming", "vacuums" -> "vacuum".
std::string Stem(std::string_view word);

// Stems of the words of `text` that are no stop words, in order. "max_wal_size"
// gives itself and its parts.
std::vector<std::string> Stems(std::string_view text);

}  // namespace capeai::knowledge
