// Looking at natural text: words, sentences, sizes. UTF-8 aware, linear time,
// allocation only for results. Knows no language but a few English and German
// abbreviations, and no markup but list markers and `code`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace capeai::knowledge {

// White space here: ASCII blanks, U+00A0, U+2000..U+200A, U+2028, U+2029,
// U+202F, U+3000 and the invisible U+200B and U+FEFF.
// Length in bytes of the white space character at text[at], or 0.
size_t SpaceLength(std::string_view text, size_t at);

bool IsBlank(std::string_view text);
std::string_view Trim(std::string_view text);
// Trimmed, each run of white space as one ASCII space.
std::string CollapseSpace(std::string_view text);

// The lines of `text` without their LF; "a\n" is one line, "" is none.
std::vector<std::string_view> Lines(std::string_view text);

// Words: maximal runs of letters, digits and '_' (every character from U+00C0
// on that is neither space nor punctuation counts as a letter), as they stand.
std::vector<std::string_view> Words(std::string_view text);

// Sentences of prose, trimmed, in order; together they hold every visible
// character. A sentence ends at . ! ? (or their CJK forms) before white space
// and something that can begin one; not after abbreviations ("e.g.", "Dr."),
// initials, a lone list number, or inside `code`; also at a line that begins a list item.
std::vector<std::string_view> Sentences(std::string_view text);

// About how many tokens a language model sees in `text`, without a tokenizer:
// per run of ASCII letters one token each 6 characters, per run of digits one
// each 3, one for each other visible ASCII character, one for each character from
// U+0800 on, one for two in between. Meant to err upwards, so that what fits by
// this count fits a model too. At least 1 for visible text, 0 for none.
int EstimateTokens(std::string_view text);

// ASCII lower case; other characters stay.
std::string LowerAscii(std::string_view text);

}  // namespace capeai::knowledge
